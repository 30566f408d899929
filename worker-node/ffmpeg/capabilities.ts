/**
 * Which encoders work here, found out by encoding real frames with each and reading back what came out. A
 * listing proves nothing: Debian's ffmpeg lists h264_nvenc on machines without a GPU, and an encoder built
 * for 8 bits quietly turns 10-bit pictures into 8.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Capabilities, EncoderCapability } from "../../protocol/media.ts";
import { decodeKey } from "../../protocol/recipes/parts/pipeline.ts";
import { listDevices } from "./devices.ts";
import {
  candidatesOf,
  type Devices,
  type EncoderCandidate,
  kindOf,
  parseEncoders,
} from "./encoder-candidates.ts";
import {
  type Driven,
  type ProofContext,
  type ProofOutcome,
  proveEncoder,
  proveModes,
  proveScaling,
  proveSessions,
} from "./encoder-proof.ts";
import { runProcess } from "./process.ts";
import type { Tools } from "./types.ts";

/** The protocol carries no more. */
const MAX_ENCODERS = 64;

/** What was tried and did not work, for the box's owner. */
export interface Refusal {
  readonly encoder: string;
  readonly device: string;
  readonly bitDepth: 8 | 10;
  readonly reason: string;
}

export interface Proofs {
  readonly capabilities: Capabilities;
  readonly refusals: readonly Refusal[];
  /** Whether trying again would say the same: nothing hung, and no device was busy with others' work. */
  readonly isConclusive: boolean;
}

/** Finds out which encoders work, hardware first. @throws the signal's reason when it is aborted */
export async function proveCapabilities(tools: Tools, signal: AbortSignal): Promise<Capabilities> {
  const { capabilities } = await prove(tools, await listDevices(), signal);
  return capabilities;
}

/** Proves everything on these devices, and the software. @throws the signal's reason when it is aborted */
export function prove(tools: Tools, devices: Devices, signal: AbortSignal): Promise<Proofs> {
  return proveAll(tools, (listed) => candidatesOf(listed, devices), signal);
}

/** Proves one device anew, by its name in capabilities. @throws the signal's reason when it is aborted */
export async function proveDevice(
  tools: Tools,
  devices: Devices,
  device: string,
  signal: AbortSignal,
): Promise<readonly EncoderCapability[]> {
  const own = (listed: ReadonlySet<string>) =>
    candidatesOf(listed, devices).filter((candidate) => candidate.device === device);
  return (await proveAll(tools, own, signal)).capabilities.encoders;
}

async function proveAll(
  tools: Tools,
  choose: (listed: ReadonlySet<string>) => readonly EncoderCandidate[],
  signal: AbortSignal,
): Promise<Proofs> {
  const dir = await mkdtemp(join(tools.workDir, "telecine-proof-"));
  try {
    const candidates = choose(await listEncoders(tools, signal));
    const proof: Proof = { tools, dir, signal, refusals: [], samples: new Map(), doubts: [] };
    const software = candidates.filter(({ device }) => device === "cpu");
    const byDevice = Map.groupBy(
      candidates.filter(({ device }) => device !== "cpu"),
      ({ device }) => device,
    );
    const width = Math.max(2, Math.min(4, availableParallelism()));
    const [soft, hard] = await Promise.all([
      inParallel(width, software, (candidate) => capabilityOf(candidate, proof)),
      inParallel(4, [...byDevice.values()], (own) => proveEncoders(own, proof)),
    ]);
    // After the software, whose files are samples to decode.
    const whole = await inParallel(4, hard, (encoders) => withPipeline(encoders, proof));
    signal.throwIfAborted();
    const encoders = [...whole.flat(), ...soft.filter((found) => found !== null)];
    return {
      capabilities: {
        ffmpegVersion: tools.version.slice(0, 128),
        encoders: encoders.slice(0, MAX_ENCODERS),
      },
      refusals: proof.refusals,
      isConclusive: proof.doubts.length === 0,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

interface Proof extends ProofContext {
  readonly refusals: Refusal[];
  /** Files to decode, by what they hold (`hevc:10`). */
  readonly samples: Map<string, string>;
  /** Devices that hung or were busy. */
  readonly doubts: string[];
}

async function listEncoders(
  { ffmpeg, confinement }: Tools,
  signal: AbortSignal,
): Promise<Set<string>> {
  const { stdout } = await runProcess({
    command: ffmpeg,
    confinement,
    args: ["-hide_banner", "-v", "error", "-encoders"],
    cwd: tmpdir(),
    signal,
    timeoutMs: 20_000,
    maxStdout: 1_000_000,
  });
  return parseEncoders(stdout);
}

class Hung extends Error {}

/** One encode per bit depth; null when none came out right. @throws Hung */
async function capabilityOf(
  candidate: EncoderCandidate,
  proof: Proof,
): Promise<EncoderCapability | null> {
  const { encoder, codec, device } = candidate;
  const bitDepths: (8 | 10)[] = [];
  let plain: boolean | undefined;
  for (const depth of candidate.bitDepths) {
    if (proof.signal.aborted) return null;
    let outcome = await proveBoth({ encoder, codec, device, plain }, depth, proof);
    if (outcome.status === "refused" && isNvenc(candidate) && plain === undefined) {
      const simpler = await proveBoth({ encoder, codec, device, plain: true }, depth, proof);
      if (simpler.status === "proved") {
        plain = true;
        outcome = simpler;
      }
    }
    if (outcome.status === "proved") {
      bitDepths.push(depth);
      const key = decodeKey(codec, depth);
      if (!proof.samples.has(key)) proof.samples.set(key, outcome.file);
    } else {
      note(proof, { encoder, device, bitDepth: depth }, outcome);
      if (outcome.status === "hung" && device !== "cpu") throw new Hung();
    }
  }
  if (bitDepths.length === 0) return null;
  const how = plain === undefined ? {} : { plain };
  return { encoder, codec, device, bitDepths, maxSessions: null, ...how };
}

function isNvenc({ device }: EncoderCandidate): boolean {
  return kindOf(device) === "cuda";
}

/** Software has one way to meet a rate and a quality; devices have modes that a driver may lack. */
async function proveBoth(driven: Driven, depth: 8 | 10, proof: Proof): Promise<ProofOutcome> {
  const outcome = await proveEncoder(driven, depth, proof);
  if (outcome.status !== "proved" || driven.device === "cpu" || depth !== 8) return outcome;
  const others = await proveModes(driven, depth, proof);
  return others.status === "proved" ? outcome : others;
}

function note(
  proof: Proof,
  what: Omit<Refusal, "reason">,
  outcome: Exclude<ProofOutcome, { readonly status: "proved" }>,
): void {
  const hung = outcome.status === "hung";
  const reason = hung ? "no answer within 20 seconds" : outcome.reason;
  proof.refusals.push({ ...what, reason });
  if (hung || outcome.isBusy) proof.doubts.push(what.device);
}

/** One proof of a device at a time, so that proofs do not use up each other's sessions. */
async function proveEncoders(
  candidates: readonly EncoderCandidate[],
  proof: Proof,
): Promise<readonly EncoderCapability[]> {
  const capabilities: EncoderCapability[] = [];
  try {
    for (const candidate of candidates) {
      const capability = await capabilityOf(candidate, proof);
      if (capability !== null) capabilities.push(capability);
    }
  } catch (error) {
    // A driver that hung once would take its 20 s from every other encoder too.
    if (!(error instanceof Hung)) throw error;
  }
  return withSessions(capabilities, proof);
}

/** A device's sessions are shared by all its codecs: counted once, with the first that works. */
async function withSessions(
  capabilities: readonly EncoderCapability[],
  proof: Proof,
): Promise<readonly EncoderCapability[]> {
  const first = capabilities.find(({ bitDepths }) => bitDepths.includes(8));
  if (first === undefined) return capabilities;
  const { sessions, isCertain } = await proveSessions(first, proof);
  if (!isCertain) proof.doubts.push(first.device);
  return capabilities.map((capability) => ({ ...capability, maxSessions: sessions }));
}

/** Whether pictures can stay in the device's memory, and of which codecs. */
async function withPipeline(
  capabilities: readonly EncoderCapability[],
  proof: Proof,
): Promise<readonly EncoderCapability[]> {
  const eight = capabilities.find(({ bitDepths }) => bitDepths.includes(8));
  if (eight === undefined || !["cuda", "vaapi"].includes(kindOf(eight.device))) {
    return capabilities;
  }
  const uploaded = await proveScaling(eight, 8, null, proof);
  if (uploaded.status !== "proved") return capabilities;
  const decodes: string[] = [];
  for (const [key, sample] of proof.samples) {
    const depth = key.endsWith(":10") ? 10 : 8;
    const encoder = capabilities.find(({ bitDepths }) => bitDepths.includes(depth));
    if (encoder === undefined) continue;
    const decoded = await proveScaling(encoder, depth, sample, proof);
    if (decoded.status === "hung") {
      proof.doubts.push(encoder.device);
      break;
    }
    if (decoded.status === "proved") decodes.push(key);
  }
  return capabilities.map((capability) => ({ ...capability, decodes }));
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
