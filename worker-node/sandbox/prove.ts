/**
 * Whether a sandbox does what it is for, found out by ffmpeg itself: it must run, reach the source and write its
 * scratch, and must not reach a server outside, nor a file outside where files are confined too.
 */
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import type { Confinement } from "../ffmpeg/confinement.ts";
import { runProcess } from "../ffmpeg/process.ts";
import type { Tools } from "../ffmpeg/types.ts";

const PROOF_MS = 20_000;

export interface ProofRequest {
  /** With the confinement that is to be proved. */
  readonly tools: Tools;
  /** The agent's scratch. */
  readonly scratch: string;
  /** The port of the source server, inside as outside. */
  readonly port: number;
  readonly listener: Server;
  readonly signal: AbortSignal;
}

/** What does not hold; null when everything does. */
export async function proveSandbox(request: ProofRequest): Promise<string | null> {
  const { scratch } = request;
  // Beside the scratch: there this agent may write, and a tool may not.
  const outside = await mkdtemp(join(dirname(scratch), "sandbox-proof-"));
  const inside = await mkdtemp(join(scratch, "sandbox-proof-"));
  const canary = createServer((socket) => socket.destroy());
  let strangers = 0;
  let guests = 0;
  const countGuest = () => {
    guests += 1;
  };
  try {
    canary.on("connection", () => {
      strangers += 1;
    });
    canary.listen(0, "127.0.0.1");
    await once(canary, "listening");
    const elsewhere = (canary.address() as AddressInfo).port;
    request.listener.on("connection", countGuest);
    const secret = join(outside, "secret");
    await writeFile(secret, "a secret of the agent's", { mode: 0o600 });
    const run = runIn(request, inside);
    // Its own length, `d`, is newer than the oldest ffmpeg that is used here (4.1).
    const silence = ["-f", "lavfi", "-i", "anullsrc", "-t", "0.1", "-f", "wav", "-y"];
    const copy = ["-map", "0", "-c", "copy", "-f", "data", "-y"];
    const [ffmpeg, ffprobe] = await Promise.all([
      run("ffmpeg", ["-version"]),
      run("ffprobe", ["-version"]),
      run("ffprobe", ["-v", "quiet", `http://127.0.0.1:${request.port}/`]),
      run("ffprobe", ["-v", "quiet", `http://127.0.0.1:${elsewhere}/`]),
      run("ffmpeg", ["-v", "quiet", ...silence, "file:written.wav"]),
      run("ffmpeg", ["-v", "quiet", ...silence, `file:${join(outside, "written.wav")}`]),
      run("ffmpeg", ["-v", "quiet", "-f", "data", "-i", `file:${secret}`, ...copy, "file:copied"]),
    ]);
    request.signal.throwIfAborted();
    const files = request.tools.confinement.namespaces?.hasOwnFiles === true;
    if (ffmpeg !== 0 || ffprobe !== 0) {
      const hint = files ? "; if it is a script, that may call what is not shown to it" : "";
      return `FFmpeg does not run in it${hint}`;
    }
    if (guests === 0) return "the source cannot be reached from it";
    if (strangers > 0) return "a server outside can be reached from it";
    if (!(await hasBytes(join(inside, "written.wav")))) return "scratch cannot be written from it";
    if (files && (await hasBytes(join(inside, "copied"))))
      return "a file outside can be read from it";
    if (files && (await hasBytes(join(outside, "written.wav")))) {
      return "a file outside can be written from it";
    }
    return null;
  } finally {
    request.listener.off("connection", countGuest);
    canary.close();
    await Promise.all([outside, inside].map((dir) => rm(dir, { recursive: true, force: true })));
  }
}

function runIn({ tools, signal }: ProofRequest, cwd: string) {
  const confinement: Confinement = tools.confinement;
  return async (tool: "ffmpeg" | "ffprobe", args: readonly string[]): Promise<number | null> => {
    const command = tools[tool];
    const nostdin = tool === "ffmpeg" ? ["-nostdin"] : [];
    const result = await runProcess({
      command,
      args: [...nostdin, ...args],
      cwd,
      confinement,
      signal,
      timeoutMs: PROOF_MS,
    });
    return result.exitCode;
  };
}

async function hasBytes(path: string): Promise<boolean> {
  return stat(path).then(
    ({ size }) => size > 0,
    () => false,
  );
}
