/**
 * Which encoders work here, found out by encoding real frames with each and reading back what came out. A
 * listing proves nothing: Debian's ffmpeg lists h264_nvenc on machines without a GPU, and an encoder built
 * for 8 bits quietly turns 10-bit pictures into 8.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Capabilities, EncoderCapability } from "../../protocol/media.ts";
import { listDevices } from "./devices.ts";
import { candidatesOf, type EncoderCandidate, parseEncoders } from "./encoder-candidates.ts";
import { proveEncoder, proveSessions } from "./encoder-proof.ts";
import { runProcess } from "./process.ts";
import type { Tools } from "./types.ts";

/** The protocol carries no more. */
const MAX_ENCODERS = 64;

/** Finds out which encoders work, hardware first. @throws the signal's reason when it is aborted */
export async function proveCapabilities(tools: Tools, signal: AbortSignal): Promise<Capabilities> {
  const dir = await mkdtemp(join(tmpdir(), "telecine-proof-"));
  try {
    const listed = await listEncoders(tools, signal);
    const candidates = candidatesOf(listed, await listDevices());
    const software = candidates.filter((candidate) => candidate.device === "cpu");
    const proof = { tools, dir, signal };
    const [soft, hard] = await Promise.all([
      inParallel(Math.max(2, Math.min(4, availableParallelism())), software, (candidate) =>
        capabilityOf(candidate, proof),
      ),
      proveHardware(
        candidates.filter((candidate) => candidate.device !== "cpu"),
        proof,
      ),
    ]);
    signal.throwIfAborted();
    const encoders = [...hard, ...soft.filter((found) => found !== null && found !== "hung")];
    return {
      ffmpegVersion: tools.version.slice(0, 128),
      encoders: encoders.slice(0, MAX_ENCODERS),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

interface Proof {
  readonly tools: Tools;
  readonly dir: string;
  readonly signal: AbortSignal;
}

async function listEncoders({ ffmpeg }: Tools, signal: AbortSignal): Promise<Set<string>> {
  const { stdout } = await runProcess({
    command: ffmpeg,
    args: ["-hide_banner", "-v", "error", "-encoders"],
    cwd: tmpdir(),
    signal,
    timeoutMs: 20_000,
    maxStdout: 1_000_000,
  });
  return parseEncoders(stdout);
}

/** One encode per bit depth; null when none came out right. A device that hangs is left alone at once. */
async function capabilityOf(
  candidate: EncoderCandidate,
  proof: Proof,
): Promise<EncoderCapability | "hung" | null> {
  const bitDepths: (8 | 10)[] = [];
  for (const depth of candidate.bitDepths) {
    if (proof.signal.aborted) return null;
    const outcome = await proveEncoder(candidate, depth, proof);
    if (outcome === "hung") return "hung";
    if (outcome === "proved") bitDepths.push(depth);
  }
  if (bitDepths.length === 0) return null;
  const { encoder, codec, device } = candidate;
  return { encoder, codec, device, bitDepths, maxSessions: null };
}

/** Device by device, one proof at a time, so that proofs do not use up each other's sessions. */
async function proveHardware(
  candidates: readonly EncoderCandidate[],
  proof: Proof,
): Promise<EncoderCapability[]> {
  const byDevice = Map.groupBy(candidates, (candidate) => candidate.device);
  const proved = await inParallel(4, [...byDevice.values()], async (ofDevice) => {
    const capabilities: EncoderCapability[] = [];
    for (const candidate of ofDevice) {
      const capability = await capabilityOf(candidate, proof);
      // A driver that hung once would take its 20 s from every other encoder too.
      if (capability === "hung") break;
      if (capability !== null) capabilities.push(capability);
    }
    return withSessions(ofDevice, capabilities, proof);
  });
  return proved.flat();
}

/** A card's sessions are shared by all its codecs: counted once, with the first that works. */
async function withSessions(
  candidates: readonly EncoderCandidate[],
  capabilities: readonly EncoderCapability[],
  proof: Proof,
): Promise<EncoderCapability[]> {
  const first = candidates.find(({ encoder }) => encoder === capabilities[0]?.encoder);
  if (first === undefined || !first.countsSessions) return [...capabilities];
  const maxSessions = await proveSessions(first, proof);
  return capabilities.map((capability) => ({ ...capability, maxSessions }));
}

/** Maps with at most `limit` at work at once; results in order. */
async function inParallel<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [i, item] of queue) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}
