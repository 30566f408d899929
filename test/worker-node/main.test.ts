/** The agent's process: its lines, its signals, its exit codes, and what it leaves behind. Real ffmpeg. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test, vi } from "vitest";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { startFakeEdge, TOKEN } from "./support/fake-edge.ts";
import { ackOf, kept, leaseMessage, leaseRef, taskSpec, welcome } from "./support/messages.ts";

const MAIN = new URL("../../worker-node/main.ts", import.meta.url).pathname;
const first = leaseRef(0);

// Every start encodes with each encoder to prove it, and the tests share the machine's cores.
vi.setConfig({ testTimeout: 120_000 });

/** Makes real footage with the ffmpeg that the agent would find. */
async function clip(seconds: number): Promise<Buffer> {
  const dir = await newDir();
  const file = join(dir, "clip.mp4");
  const source = `testsrc2=s=640x360:r=25:d=${seconds}`;
  const args = ["-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264"];
  const options = ["-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart"];
  const { ffmpeg } = await resolveTools(process.env);
  const child = spawn(ffmpeg, [...args, ...options, file]);
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  return readFile(file);
}

async function newDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "telecine-main-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts the agent as a process of its own. */
async function launch(
  args: readonly string[],
  options: { readonly stdin?: "pipe"; readonly scratch?: string } = {},
) {
  const scratch = options.scratch ?? (await newDir());
  const child = spawn(process.execPath, [MAIN, ...args, "--scratch", scratch, "--name", "gpu-1"], {
    stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
  });
  const output = { out: "", err: "" };
  child.stderr?.on("data", (chunk) => {
    output.err += chunk;
  });
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const waiting: { text: string; resolve: () => void }[] = [];
  lines.on("line", (line) => {
    output.out += `${line}\n`;
    for (const wait of waiting) if (line.includes(wait.text)) wait.resolve();
  });
  const exit = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  onTestFinished(() => void child.kill("SIGKILL"));
  return {
    child,
    output,
    exit,
    scratch,
    line: (text: string) =>
      new Promise<void>((resolve) => {
        if (output.out.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
  };
}

async function launchOn(edge: Awaited<ReturnType<typeof startFakeEdge>>, ...extra: string[]) {
  const agent = await launch(["--url", edge.url.href, "--token", TOKEN, ...extra]);
  const connection = await edge.connection();
  const hello = await connection.next("hello");
  connection.say(welcome([], { progressIntervalMs: 50 }));
  return { ...agent, connection, hello };
}

/** A transcode that lasts: long footage through a slow preset. */
function slowLease(sizeBytes: number) {
  const task = taskSpec(0, {
    kind: "video",
    videoId: "vid_1",
    filename: "clip.mp4",
    contentType: "video/mp4",
    sizeBytes,
  });
  const recipe = { name: "transcode", codec: "h264", preset: "veryslow" };
  return leaseMessage(first, { task: { ...task, work: { mode: "recipe", recipe } } });
}

/** The ffmpeg processes that have this directory as theirs. */
async function childrenOf(scratch: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")),
  );
  return pids.filter((_pid, index) => environments[index]?.includes(`HOME=${scratch}/`) === true);
}

test("wrong use is told on stderr with the remedy, and exits with 2", async () => {
  const { exit, output } = await launch(["--url", "nonsense"]);
  expect(await exit).toBe(2);
  expect(output.err).toContain("--url 'nonsense' is not an http:// or https:// address");
  expect(output.err).toContain("--token is missing");
});

test("it proves its encoders, connects and says so; SIGTERM ends an idle agent with 0", async () => {
  const edge = await startFakeEdge();
  const { child, exit, line, output, hello, scratch } = await launchOn(edge);
  await line("connected");
  expect(hello.capabilities.encoders.map(({ encoder }) => encoder)).toContain("libx264");
  child.kill("SIGTERM");
  expect(await exit).toBe(0);
  expect(output.out).not.toContain("test-token");
  expect(await readdir(scratch)).toEqual([]);
});

test("a token that the edge refuses ends it with 3", async () => {
  const edge = await startFakeEdge();
  const { exit, output } = await launch(["--url", edge.url.href, "--token", "wkt_wrong"]);
  expect(await exit).toBe(3);
  expect(output.out).toContain("POST /v1/workers/tokens");
});

test("a lease becomes a verified upload, by real ffmpeg through the loopback source", async () => {
  const edge = await startFakeEdge();
  edge.source.bytes = await clip(2);
  const { child, exit, connection, scratch } = await launchOn(edge);
  const lease = slowLease(edge.source.bytes.length);
  const work = { mode: "recipe", recipe: { name: "transcode", codec: "h264" } } as const;
  connection.say({ ...lease, task: { ...lease.task, work } });
  const { outputs, engine } = await connection.next("complete");
  expect(engine).toMatchObject({ device: "cpu", encoder: "libx264", exitCode: 0 });
  expect(outputs[0]?.media).toMatchObject({ width: 640, height: 360, videoCodec: "h264" });
  expect(outputs[0]?.media.durationSeconds).toBeCloseTo(2, 1);
  expect(edge.stored.get("result.mp4")?.length).toBe(outputs[0]?.sizeBytes);
  connection.say(ackOf("complete", first));
  child.kill("SIGTERM");
  expect(await exit).toBe(0);
  expect(await readdir(scratch)).toEqual([]);
});

test("an edge that restarts under an encode costs nothing: it completes under the same epoch", async () => {
  const edge = await startFakeEdge();
  edge.source.bytes = await clip(4);
  const { connection } = await launchOn(edge);
  connection.say(slowLease(edge.source.bytes.length));
  await connection.next("progress", ({ frame }) => (frame ?? 0) > 0);
  await edge.stop();
  await edge.restart();
  const next = await edge.connection();
  expect((await next.next("hello")).leases).toMatchObject([{ lease: first, stage: "transcoding" }]);
  next.say(welcome([kept(first)]));
  const { outputs } = await next.next("complete");
  expect(outputs[0]?.media.durationSeconds).toBeCloseTo(4, 1);
});

test("a second SIGTERM kills ffmpeg, gives the lease back and leaves nothing", async () => {
  const edge = await startFakeEdge();
  edge.source.bytes = await clip(40);
  const { child, exit, line, connection, scratch } = await launchOn(edge);
  connection.say(slowLease(edge.source.bytes.length));
  await connection.next("progress", ({ frame }) => (frame ?? 0) > 0);
  expect(await childrenOf(scratch)).not.toEqual([]);
  child.kill("SIGTERM");
  await line("draining");
  // The attempt goes on.
  await connection.next("progress", ({ frame }) => (frame ?? 0) > 0);
  child.kill("SIGTERM");
  expect(await connection.next("release")).toMatchObject({ lease: first, reason: "shutdown" });
  connection.say(ackOf("release", first));
  expect(await exit).toBe(130);
  expect(await childrenOf(scratch)).toEqual([]);
  expect(await readdir(scratch)).toEqual([]);
});

test.runIf(process.platform === "linux")(
  "kill -9 takes ffmpeg along, and the next agent removes what was left",
  async () => {
    const edge = await startFakeEdge();
    edge.source.bytes = await clip(40);
    const { child, connection, scratch } = await launchOn(edge);
    connection.say(slowLease(edge.source.bytes.length));
    await connection.next("progress", ({ frame }) => (frame ?? 0) > 0);
    const [pid] = await childrenOf(scratch);
    expect(pid).toBeDefined();
    const gone = spawn("tail", [`--pid=${pid}`, "-f", "/dev/null"]);
    child.kill("SIGKILL");
    // Ends with ffmpeg, however soon that is.
    await once(gone, "exit");
    expect(await childrenOf(scratch)).toEqual([]);
    expect(await readdir(scratch)).toHaveLength(1);
    const next = await launch(["--url", edge.url.href, "--token", TOKEN], { scratch });
    await next.line("removed scratch of agents that are no more");
    next.child.kill("SIGTERM");
    expect(await next.exit).toBe(0);
    expect(await readdir(scratch)).toEqual([]);
  },
);

test("it ends when its standard input does", async () => {
  const edge = await startFakeEdge();
  const args = ["--url", edge.url.href, "--token", TOKEN, "--exit-with-stdin"];
  const { child, exit } = await launch(args, { stdin: "pipe" });
  await edge.connection();
  child.stdin?.end();
  expect(await exit).toBe(130);
});

test("it ends when the process named as its parent does, however that ended", async () => {
  const edge = await startFakeEdge();
  const args = ["--url", edge.url.href, "--token", TOKEN, "--scratch", await newDir()];
  const script = `
    const { spawn } = require("node:child_process");
    const args = [...process.argv.slice(1), "--parent-pid", String(process.pid)];
    spawn(process.execPath, args, { stdio: "inherit" });
  `;
  const parent = spawn(process.execPath, ["-e", script, MAIN, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await edge.connection();
  parent.kill("SIGKILL");
  let output = "";
  // The pipe ends when the last process that holds it, the agent, has gone.
  for await (const chunk of parent.stdout) output += chunk;
  expect(output.match(/its parent ended/g)).toHaveLength(1);
});
