/** The pictures of an adaptive ladder: one decode, and from it every rung of every codec. */
import type { EncoderCapability, VideoCodec, VideoStreamInfo } from "../../media.ts";
import type { DivisibleRendition, FfmpegStep, Rejection, Temporal } from "../../plan.ts";
import type { PlanContext } from "../define.ts";
import { canKeepTenBits, isHardware, pickEncoder } from "../pick-encoder.ts";
import { keptGraph } from "./changing-size.ts";
import { refuseHdr, tagOptions } from "./color.ts";
import { presentedFrames } from "./encode-length.ts";
import type { MediaPromise } from "./hls-tracks.ts";
import { ladderOf, peakKbps, type Rung } from "./ladder.ts";
import type { Preset } from "./params.ts";
import { type BranchRequest, type PipelineBranch, pipelineOf } from "./pipeline.ts";
import { durationTolerance, lastPictureOptions, lengthOfStream, spanOf } from "./span.ts";
import {
  averageFps,
  isOnGrid,
  outgoingRate,
  secondsText,
  ticksPerSecond,
  timingOptions,
} from "./timing.ts";
import { qualityOf } from "./video-encoder.ts";

/** For seeking and for changing rungs; a segment has a whole number of them where it can. */
const KEYFRAME_SECONDS = 2;

export interface PictureRendition {
  readonly name: string;
  readonly options: readonly string[];
  readonly promise: MediaPromise;
  readonly divisible: DivisibleRendition;
}

export interface LadderPlan {
  readonly graph: string | null;
  /** Of the decoder, for all renditions. */
  readonly inputOptions: readonly string[];
  readonly temporal: Temporal | null;
  readonly renditions: readonly PictureRendition[];
  readonly expectedFrames: number | null;
  readonly encoder: FfmpegStep["encoder"];
}

interface LadderParams {
  readonly maxHeight?: number | undefined;
  readonly codecs: readonly VideoCodec[];
  readonly segmentSeconds: number;
  readonly preset: Preset;
}

/** A rung of one codec, with the encoder that makes it. */
interface Branch extends BranchRequest {
  readonly codec: VideoCodec;
  readonly rung: Rung;
}

/** Empty for a source without pictures. */
export function pictureRenditions(
  context: PlanContext<LadderParams>,
  stem: string,
): LadderPlan | Rejection {
  const { source, params } = context;
  const { video } = source;
  if (video === null) {
    const nothing = { graph: null, inputOptions: [], temporal: null, renditions: [] };
    return { ...nothing, expectedFrames: null, encoder: null };
  }
  const rungs = ladderOf(video, params.maxHeight);
  if ("status" in rungs) return rungs;
  const branches: Branch[] = [];
  for (const codec of params.codecs) {
    for (const rung of rungs) {
      const branch = branchOf(context, video, { codec, rung }, sessionsOf(rungs, params));
      if (!("status" in branch)) branches.push(branch);
      // Encoders have a least size: the ladder of such a codec ends above it.
      else if (rung === rungs[0]) return branch;
    }
  }
  const fps = averageFps(video);
  const span = spanOf(source, { startSeconds: 0 });
  const seconds = "status" in span ? null : span.expectedSeconds;
  const main = branches.find(({ capability }) => isHardware(capability)) ?? branches[0];
  const pipeline = pipelineOf(source, video, branches);
  return {
    graph: graphOf(
      video,
      pipeline.branches.map(({ filters }) => filters),
    ),
    inputOptions: pipeline.input,
    temporal: pipeline.branches[0]?.picture.temporal ?? null,
    renditions: branches.flatMap((branch, at) => {
      const made = pipeline.branches[at];
      return made === undefined ? [] : [renditionOf(context, video, branch, made, { stem, at })];
    }),
    expectedFrames:
      fps === null || seconds === null ? null : Math.max(1, Math.round(seconds * fps)),
    encoder: main === undefined ? null : usedBy(main, branches),
  };
}

function usedBy({ capability }: Branch, branches: readonly Branch[]): FfmpegStep["encoder"] {
  const { encoder: name, device } = capability;
  const deviceSessions = branches.filter((branch) => branch.capability.device === device).length;
  return { name, device, sessions: branches.length, deviceSessions };
}

function sessionsOf(rungs: readonly Rung[], { codecs }: LadderParams): number {
  return rungs.length * codecs.length;
}

/** Encoders that can run all rungs at once; of devices only the first, for a process works on one. */
function fitting(
  encoders: readonly EncoderCapability[],
  sessions: number,
): readonly EncoderCapability[] {
  const able = encoders.filter(
    ({ maxSessions }) => maxSessions === null || maxSessions >= sessions,
  );
  const device = able.find(isHardware)?.device;
  return able.filter((one) => !isHardware(one) || one.device === device);
}

function branchOf(
  { params, encoders }: PlanContext<LadderParams>,
  video: VideoStreamInfo,
  { codec, rung }: { readonly codec: VideoCodec; readonly rung: Rung },
  sessions: number,
): Branch | Rejection {
  const able = fitting(encoders, sessions);
  const { framing } = rung;
  const { size } = framing;
  const keepsDepth = video.bitDepth > 8 && codec !== "h264" && canKeepTenBits(able, codec, size);
  const bitDepth = keepsDepth ? 10 : 8;
  const refusal = bitDepth === 8 ? refuseHdr(video) : null;
  if (refusal !== null) return refusal;
  const choice = pickEncoder(able, { codec, bitDepth, size });
  if (choice.status === "rejected") return choice;
  const fps = averageFps(video);
  const quality = qualityOf(codec, {});
  return {
    codec,
    rung,
    capability: choice.capability,
    picture: { framing, fps: undefined, bitDepth },
    settings: {
      quality: {
        kind: "capped",
        crf: quality.kind === "crf" ? quality.crf : 23,
        maxKbps: peakKbps(rung, codec, fps),
      },
      preset: params.preset,
      bitDepth,
      ...keyframes(params.segmentSeconds, fps),
      format: "mp4",
    },
  };
}

function renditionOf(
  { source, sourceKey }: PlanContext<LadderParams>,
  video: VideoStreamInfo,
  { codec, rung, capability, picture: { bitDepth } }: Branch,
  { output, picture }: PipelineBranch,
  { stem, at }: { readonly stem: string; readonly at: number },
): PictureRendition {
  const name = `${stem}-video-${rung.short}p${codec === "h264" ? "" : `-${codec}`}`;
  const pad = `[v${at}]`;
  const { width, height } = rung.framing.size;
  const ticks = ticksPerSecond(outgoingRate(video, undefined));
  const whole = {
    startSeconds: 0,
    lengthSeconds: null,
    expectedSeconds: null,
    toleranceSeconds: 0,
  };
  const late = (video.startSeconds ?? source.startSeconds) - source.startSeconds;
  const encoding = [...output, ...tagOptions(picture.tags)];
  const length = lengthOfStream(source, video.durationSeconds);
  const seconds = length?.seconds ?? null;
  // The last picture may stay for long; before 5.0 ffmpeg writes it for a moment.
  const held = source.mp4?.lastPictureSeconds ?? 0;
  const slack = Math.abs(late) + held + (length?.slackSeconds ?? 0);
  return {
    name,
    options: [
      ...["-map", pad],
      ...timingOptions(isOnGrid(source), ticks),
      ...encoding,
      ...lastPictureOptions(source, video, whole, "fragments"),
      ...["-video_track_timescale", String(ticks), "-max_muxing_queue_size", "4096"],
      ...["-movflags", "+frag_keyframe+delay_moov+default_base_moof+skip_trailer+frag_discont"],
    ],
    divisible: {
      name,
      pad,
      encoder: { name: capability.encoder, device: capability.device },
      codec,
      width,
      height,
      options: encoding,
      peakRate: peakKbps(rung, codec, averageFps(video)) * 1000,
    },
    promise: {
      video: { codec, width, height, frames: presentedFrames(source, whole, undefined) },
      audio: null,
      durationSeconds: seconds,
      durationToleranceSeconds: durationTolerance(seconds) + slack,
      reference: {
        inputs: [{ from: { source: sourceKey }, options: keptGraph(source) }],
        graph: `[0:${video.index}]${picture.filters.join(",")}[reference]`,
        bitDepth,
        range: picture.tags.range,
        alignment: "start",
      },
    },
  };
}

/** From one key frame to the next. */
export function keySeconds(segmentSeconds: number): number {
  return segmentSeconds / Math.ceil(segmentSeconds / KEYFRAME_SECONDS);
}

/** Equal parts of a segment, none longer than two seconds. */
function keyframes(segmentSeconds: number, fps: number | null) {
  const seconds = keySeconds(segmentSeconds);
  return {
    gop: Math.max(1, Math.ceil(seconds * (fps ?? 30) - 1e-6)),
    alignedSeconds: secondsText(seconds),
  };
}

/** What all branches begin with is done once, before the frames are split. */
function graphOf({ index }: VideoStreamInfo, branches: readonly (readonly string[])[]): string {
  const [first] = branches;
  const shared: string[] = [];
  for (const [at, filter] of (first ?? []).entries()) {
    if (!branches.every((filters) => filters[at] === filter)) break;
    shared.push(filter);
  }
  const pads = branches.map((_, at) => `[s${at}]`).join("");
  const head = `[0:${index}]${[...shared, `split=${branches.length}`].join(",")}${pads}`;
  const tails = branches.map((filters, at) => {
    const own = filters.slice(shared.length);
    return `[s${at}]${own.length === 0 ? "null" : own.join(",")}[v${at}]`;
  });
  return [head, ...tails].join(";");
}
