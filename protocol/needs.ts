/**
 * What a task needs of the worker that runs it, as far as it can be known before anyone has seen the source: from the
 * request alone. Its numbers are bounds: a plan may take fewer sessions, and then says so. Pure.
 */
import { encoderTokens, videoEncoders } from "./command/encoders.ts";
import type { EncoderCapability, VideoCodec } from "./media.ts";
import { codecSchema } from "./media.ts";
import { mostRungs } from "./recipes/parts/ladder.ts";
import type { TaskSpec, Work } from "./task.ts";

export interface EncoderNeed {
  readonly codec: VideoCodec;
  /** One encoder by its name, as a command has it; null for any of the codec. */
  readonly encoder: string | null;
  /** The depth that the output keeps where its source has it. */
  readonly bitDepth: 8 | 10;
  /** Sessions of this codec that may run at once. */
  readonly sessions: number;
}

export interface TaskNeeds {
  /** Empty where any worker will do. */
  readonly encoders: readonly EncoderNeed[];
  /** Slots that it may take: encoder sessions in all, at least 1. */
  readonly slots: number;
}

/**
 * How well a worker serves a task: `fully` keeps the depth and has the sessions; `barely` has every codec, and would
 * give up depth or speed; `none` cannot do it.
 */
export type Fitness = "none" | "barely" | "fully";

/** The needs of any work that encodes no pictures of a codec that was asked for. */
export const MODEST: TaskNeeds = { encoders: [], slots: 1 };

/** Recipes whose 10-bit sources stay 10-bit where the codec can. */
const keepingDepth: ReadonlySet<string> = new Set(["transcode", "compress", "hls"]);

/** What the task needs. Sound alone and merges by copy are modest. */
export function needsOf(work: Work, kind: TaskSpec["kind"] = "whole"): TaskNeeds {
  if (kind === "audio" || kind === "merge") return MODEST;
  if (work.mode === "ffmpeg") return needsOfCommand(work.args);
  const { name, codec, codecs, maxHeight } = work.recipe;
  const rungs =
    name === "hls" ? mostRungs(typeof maxHeight === "number" ? maxHeight : undefined) : 1;
  const named = [codec, ...(Array.isArray(codecs) ? codecs : [])].flatMap((one) => {
    const known = codecSchema.safeParse(one);
    return known.success ? [known.data] : [];
  });
  const encoders = named.map((one): EncoderNeed => {
    const keeps = one !== "h264" && keepingDepth.has(name);
    return { codec: one, encoder: null, bitDepth: keeps ? 10 : 8, sessions: rungs };
  });
  return { encoders, slots: Math.max(1, rungs * Math.max(1, encoders.length)) };
}

/** The encoders that a command names; what it leaves to the format is any worker's. */
function needsOfCommand(args: readonly string[]): TaskNeeds {
  const sessions = new Map<string, number>();
  for (const name of encoderTokens(args)) {
    if (videoEncoders.get(name)?.isProved) sessions.set(name, (sessions.get(name) ?? 0) + 1);
  }
  const encoders = [...sessions].flatMap(([encoder, count]): EncoderNeed[] => {
    const codec = codecSchema.safeParse(videoEncoders.get(encoder)?.codec);
    return codec.success ? [{ codec: codec.data, encoder, bitDepth: 8, sessions: count }] : [];
  });
  const slots = encoders.reduce((sum, need) => sum + need.sessions, 0);
  return { encoders, slots: Math.max(1, slots) };
}

/** How well these encoders, all of one worker, serve the needs. */
export function fitnessOf(
  encoders: readonly EncoderCapability[],
  needs: readonly EncoderNeed[],
): Fitness {
  let fitness: Fitness = "fully";
  for (const need of needs) {
    const able = encoders.filter(
      ({ codec, encoder }) =>
        codec === need.codec && (need.encoder === null || encoder === need.encoder),
    );
    if (able.length === 0) return "none";
    if (!able.some((capability) => serves(capability, need))) fitness = "barely";
  }
  return fitness;
}

/** Whether a device of the worker, rather than its CPU, can do all of it at once. */
export function hasDeviceFor(
  encoders: readonly EncoderCapability[],
  { encoders: needs, slots }: TaskNeeds,
): boolean {
  const devices = new Set(encoders.map(({ device }) => device).filter((one) => one !== "cpu"));
  return [...devices].some((device) => {
    const own = encoders.filter((capability) => capability.device === device);
    return needs.length > 0 && fitnessOf(own, allAtOnce(needs, slots)) === "fully";
  });
}

/** The codecs of one task share a device's sessions. */
function allAtOnce(needs: readonly EncoderNeed[], sessions: number): readonly EncoderNeed[] {
  return needs.map((need) => ({ ...need, sessions }));
}

function serves({ bitDepths, maxSessions }: EncoderCapability, need: EncoderNeed): boolean {
  return (
    bitDepths.includes(need.bitDepth) && (maxSessions === null || maxSessions >= need.sessions)
  );
}
