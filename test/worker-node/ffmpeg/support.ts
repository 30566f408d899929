/** Real tools, real footage, and stand-ins for what cannot be had: hangs, crashes, graphics cards. */
import { execFile } from "node:child_process";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll } from "vitest";
import type { FfmpegStep } from "../../../protocol/plan.ts";
import { resolveTools, type Tools } from "../../../worker-node/ffmpeg/index.ts";

const run = promisify(execFile);

/** The tools found the usual way, and those that came with the packages: the suite holds for both. */
export async function toolSets(): Promise<{ name: string; tools: Tools }[]> {
  const usual = await resolveTools(process.env);
  const shipped = await resolveTools({ PATH: "" }).catch(() => usual);
  const sets = [{ name: `ffmpeg ${usual.version}`, tools: usual }];
  if (shipped.ffmpeg !== usual.ffmpeg) {
    sets.push({ name: `shipped ffmpeg ${shipped.version}`, tools: shipped });
  }
  return sets;
}

/** A directory that is gone when the file's tests are over. */
export async function scratch(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "telecine-test-"));
  afterAll(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export interface Clip {
  readonly path: string;
  readonly seconds: number;
  readonly frames: number;
}

const VTEST = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/** Real footage (Debian's opencv-doc) where it is installed, else pictures made to move. */
export async function footage(tools: Tools, dir: string): Promise<Clip> {
  if (existsSync(VTEST)) return { path: VTEST, seconds: 79.5, frames: 795 };
  const path = join(dir, "footage.avi");
  await ffmpeg(tools, [
    ...["-f", "lavfi", "-i", "testsrc2=s=768x576:r=10:d=79.5"],
    ...["-c:v", "mpeg4", "-q:v", "8", path],
  ]);
  return { path, seconds: 79.5, frames: 795 };
}

/** Runs ffmpeg to make what a test needs. */
export async function ffmpeg(tools: Tools, args: readonly string[]): Promise<void> {
  await run(tools.ffmpeg, ["-nostdin", "-hide_banner", "-v", "error", "-y", ...args]);
}

/** Ten frames a second for `seconds`, H.264 with a key frame every second, and a tone. */
export async function makeMp4(
  tools: Tools,
  path: string,
  { seconds = 6, output = [] as readonly string[] } = {},
): Promise<void> {
  await ffmpeg(tools, [
    ...["-f", "lavfi", "-i", `testsrc2=s=320x180:r=10:d=${seconds}`],
    ...["-f", "lavfi", "-i", `sine=r=48000:d=${seconds}`],
    ...["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "10"],
    ...["-c:a", "aac", ...output, path],
  ]);
}

export interface ServedFile {
  readonly url: string;
  readonly sizeBytes: number;
  /** Bytes sent so far. */
  readonly served: () => number;
}

/** Serves a file on the loopback with ranges, as the agent's source server does. */
export async function serve(path: string): Promise<ServedFile> {
  const { size } = await stat(path);
  let served = 0;
  const server = createServer((request, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    if (start >= size) {
      response.writeHead(416).end();
      return;
    }
    response.writeHead(range ? 206 : 200, {
      "accept-ranges": "bytes",
      "content-length": end - start + 1,
      ...(range ? { "content-range": `bytes ${start}-${end}/${size}` } : {}),
    });
    const stream = createReadStream(path, { start, end });
    stream.on("data", (chunk) => {
      served += chunk.length;
    });
    response.on("close", () => stream.destroy());
    stream.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/token`, sizeBytes: size, served: () => served };
}

/** A step with one source and one output, and what a test changes of it. */
export function stepOf(change: Partial<FfmpegStep> = {}): FfmpegStep {
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [{ from: { source: "in_1" }, options: [] }],
    filterComplex: null,
    outputs: [
      {
        file: "out.mp4",
        muxer: "mp4",
        options: ["-map", "0:V:0", "-c:v", "libx264", "-preset", "ultrafast"],
      },
    ],
    expectedFrames: null,
    expectedSeconds: null,
    encoder: { name: "libx264", device: "cpu" },
    ...change,
  };
}

/** An executable that runs `script` (CommonJS) in place of ffmpeg. */
export async function standIn(dir: string, name: string, script: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, `#!${process.execPath}\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A stand-in's script that writes without end, as fast as it is read. */
export const FLOOD = `const go = () => {
  while (process.stdout.write("x".repeat(65536)));
  process.stdout.once("drain", go);
};
go();`;

/** `PF_EXITING` among a process's flags (proc(5), field 9; linux/sched.h). */
const EXITING = 0x4;

/**
 * Whether a process runs; one that is dead and only waits to be reaped does not, nor one that is past its last
 * instruction: the kernel closes its pipes, which is how its end is noticed, a moment before it calls it dead.
 */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "X", , , , , , flags] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return !/[ZX]/.test(state) && (Number(flags) & EXITING) === 0;
  } catch {
    return false;
  }
}
