/** An encode whole: pictures and sound from one source into one container. */

import { companionStem, extensionOf } from "../../formats.ts";
import type { SourceInfo, VideoCodec, VideoStreamInfo } from "../../media.ts";
import type {
  Divisible,
  DivisibleRendition,
  FfmpegStep,
  PlanResult,
  PromisedOutput,
  Reference,
  Rejection,
  Temporal,
} from "../../plan.ts";
import type { PlanContext } from "../define.ts";
import { canKeepTenBits, pickEncoder } from "../pick-encoder.ts";
import { type AudioTrack, languageOptions, planAudio } from "./audio.ts";
import { keptGraph } from "./changing-size.ts";
import { refuseHdr, tagOptions } from "./color.ts";
import { type ContainerFormat, containerOptions, isContainer, muxers } from "./container.ts";
import {
  estimatedFrames,
  mayEndEarly,
  presentedFrames,
  progressSeconds,
  promisedSeconds,
} from "./encode-length.ts";
import { audioTracks, type SoundRequest } from "./encode-sound.ts";
import { type Box, type Fit, type Framing, framing } from "./geometry.ts";
import type { Preset } from "./params.ts";
import { pipelineOf } from "./pipeline.ts";
import { unsupported, unsupportedFormat } from "./rejections.ts";
import { heldPictures, isWhole, lastPictureOptions, partOptions } from "./span.ts";
import { cueLanguageOptions, keptTracks, subtitleOptions } from "./subtitles.ts";
import {
  averageFps,
  exactRate,
  gopFrames,
  isOnGrid,
  outgoingRate,
  ticksPerSecond,
  timingOptions,
} from "./timing.ts";
import type { Quality } from "./video-encoder.ts";

export interface VideoRequest {
  readonly codec: VideoCodec;
  readonly quality: Quality;
  readonly preset: Preset;
  readonly box: Box;
  readonly fit: Fit;
  readonly enlarge: boolean;
  readonly fps?: number | undefined;
  /** Whether 10-bit and HDR stay what they are where the codec and this agent can; else 8-bit SDR. */
  readonly keepDepth: boolean;
  /** Every frame a key frame, or one a second; by default one in five seconds. */
  readonly keyframes?: "all" | "per_second" | undefined;
}

export interface EncodeRequest extends SoundRequest {
  /** Null leaves pictures out. */
  readonly video: VideoRequest | null;
}

type EncodeContext = Pick<PlanContext<unknown>, "source" | "sourceKey" | "output" | "encoders">;

interface EncodedVideo {
  readonly inputOptions: readonly string[];
  readonly options: readonly string[];
  readonly ticks: number;
  readonly frames: number | null;
  readonly promise: PromisedOutput["video"];
  readonly encoder: FfmpegStep["encoder"];
  /** Without its inputs, which are those of the step less what the encoder's device needs. */
  readonly reference: Omit<Reference, "inputs">;
  /** Null where the work does not divide: a measured encode. */
  readonly divisible: {
    readonly filters: string;
    readonly temporal: Temporal | null;
    readonly rendition: Omit<DivisibleRendition, "name" | "pad">;
  } | null;
}

/** Plans one ffmpeg run from a source to one mp4, mov or webm. */
export function planEncode(context: EncodeContext, request: EncodeRequest): PlanResult {
  const { source, sourceKey, output } = context;
  if (!isContainer(output.format)) return unsupported(`${output.format} holds no video.`);
  const tracks = audioTracks(source, output.format, request);
  if ("status" in tracks) return tracks;
  const video = encodeVideo(context, output.format, request);
  if (video !== null && "status" in video) return video;
  if (video === null && tracks.length === 0) return nothingToShow(source);
  const audio = planAudio(tracks, output.format);
  const { span } = request;
  const subtitles = keptTracks(source, span);
  const division = divisionOf(context, output.format, request, video, tracks);
  return {
    status: "planned",
    action: "encode",
    ...(division === null ? {} : { division }),
    steps: [
      {
        kind: "ffmpeg",
        stage: "transcoding",
        inputs: [
          {
            from: { source: sourceKey },
            options: [...(video?.inputOptions ?? []), ...partOptions(source, span)],
          },
        ],
        filterComplex: null,
        outputs: [
          {
            file: output.file,
            muxer: muxers[output.format],
            options: [
              ...(video?.options ?? []),
              ...audio.options,
              ...subtitleOptions(subtitles, output.format),
              ...containerOptions({ format: output.format, ticks: video?.ticks ?? null }),
            ],
          },
        ],
        expectedFrames: video?.frames ?? null,
        expectedSeconds: progressSeconds(source, span, video !== null, tracks),
        encoder: video?.encoder ?? null,
      },
    ],
    outputs: [
      {
        ...output,
        video: video?.promise ?? null,
        audio: audio.promise,
        subtitles: subtitles.length,
        durationSeconds:
          video !== null && mayEndEarly(source, span, output.format)
            ? null
            : promisedSeconds(source, span, video !== null, tracks.length > 0),
        durationToleranceSeconds:
          span.toleranceSeconds +
          (output.format === "webm" ? (source.mp4?.lastPictureSeconds ?? 0) : 0),
        ...(video === null
          ? {}
          : {
              reference: {
                ...video.reference,
                inputs: [
                  {
                    from: { source: sourceKey },
                    options: [...keptGraph(source), ...partOptions(source, span)],
                  },
                ],
              },
            }),
      },
    ],
  };
}

/** The parts: pictures encoded as in the whole, sound and cues in a file of their own. */
function divisionOf(
  { source, sourceKey, output }: EncodeContext,
  format: ContainerFormat,
  { span, video: request }: EncodeRequest,
  video: EncodedVideo | null,
  tracks: readonly AudioTrack[],
): Divisible | null {
  if (video?.divisible == null || request === null || !isWhole(span)) return null;
  // Without an index every part would read all that comes before it.
  if (source.isLengthFound) return null;
  const cues = keptTracks(source, span);
  // Read again from WebM, cues are late by what sound's encoder delays it; without a cue such a file cannot be read.
  if (format === "webm" && cues.length > 0) return null;
  const stem = companionStem(output.file);
  const { filters, temporal, rendition } = video.divisible;
  const audio = planAudio(tracks, format);
  const soundFile =
    tracks.length + cues.length === 0 ? null : `${stem}.sound.${extensionOf[format]}`;
  const promise: PromisedOutput = {
    key: output.key,
    file: soundFile ?? "",
    format,
    role: "part",
    video: null,
    audio: audio.promise,
    subtitles: cues.length,
    durationSeconds: null,
    durationToleranceSeconds: 0,
  };
  const sound: FfmpegStep["outputs"][number] = {
    file: soundFile ?? "",
    muxer: muxers[format],
    options: [
      ...audio.options,
      ...subtitleOptions(cues, format),
      ...["-map_chapters", "-1"],
      ...containerOptions({ format, ticks: null }),
    ],
  };
  return {
    source: sourceKey,
    inputOptions: video.inputOptions,
    graph: `[0:${source.video?.index ?? 0}]${filters}[v0]`,
    ...(temporal === null ? {} : { temporal }),
    preset: request.preset,
    renditions: [{ ...rendition, name: stem, pad: "[v0]" }],
    alignedSeconds: null,
    sound: soundFile === null ? null : { outputs: [sound], promises: [promise] },
    result: {
      kind: "file",
      muxer: muxers[format],
      options: [
        ...languageOptions(tracks, format),
        ...cueLanguageOptions(cues, format),
        ...(rendition.codec === "hevc" && format !== "webm" ? ["-tag:v", "hvc1"] : []),
        ...containerOptions({ format, ticks: video.ticks }),
      ],
      soundFile,
    },
  };
}

function nothingToShow(source: SourceInfo): Rejection {
  return source.video === null && source.audio.length === 0
    ? unsupportedFormat("The source has neither video nor audio.")
    : unsupported("Nothing of the source would be left in the output.");
}

/** Matroska's own. Of finer ones ffmpeg 5.1 tells `setts` their length, and then the times in these. */
const WEBM_TICKS = 1000;

function encodeVideo(
  { source, encoders }: EncodeContext,
  format: ContainerFormat,
  { video: request, span }: EncodeRequest,
): EncodedVideo | Rejection | null {
  const { video } = source;
  if (request === null || video === null) return null;
  const framed = framing(video, { ...request, grid: 2 });
  if ("status" in framed) return framed;
  const tenBits =
    request.keepDepth &&
    video.bitDepth > 8 &&
    request.codec !== "h264" &&
    canKeepTenBits(encoders, request.codec, framed.size);
  const bitDepth = tenBits ? 10 : 8;
  const refusal = bitDepth === 8 ? refuseHdr(video) : null;
  if (refusal !== null) return refusal;
  const choice = pickEncoder(encoders, { codec: request.codec, bitDepth, size: framed.size });
  if (choice.status === "rejected") return choice;
  const { capability } = choice;
  const rate = outgoingRate(video, request.fps);
  const ticks = ticksPerSecond(rate);
  const pipeline = pipelineOf(source, video, [
    {
      capability,
      settings: {
        quality: request.quality,
        preset: request.preset,
        bitDepth,
        gop: gopOf(video, request),
        format,
      },
      picture: {
        framing: framed,
        fps: request.fps === undefined ? undefined : exactRate(request.fps),
        bitDepth,
      },
    },
  ]);
  const [branch] = pipeline.branches;
  if (branch === undefined) throw new RangeError("A pipeline has a branch for each request.");
  const { picture } = branch;
  const frames = presentedFrames(source, span, request.fps);
  const held = heldPictures(source, span);
  const filters = [...held, ...branch.filters].join(",");
  const encoding = [...branch.output, ...tagOptions(picture.tags)];
  const isDivisible = request.quality.kind !== "two_pass";
  const named = { name: capability.encoder, device: capability.device };
  return {
    inputOptions: pipeline.input,
    options: [
      "-map",
      `0:${video.index}`,
      "-filter:v",
      filters,
      ...timingOptions(
        request.fps !== undefined || (isWhole(span) && isOnGrid(source)),
        format === "webm" ? WEBM_TICKS : ticks,
      ),
      ...encoding,
      ...(request.fps === undefined ? lastPictureOptions(source, video, span, "file") : []),
    ],
    ticks,
    frames: frames ?? estimatedFrames(video, span, request.fps),
    promise: { codec: request.codec, ...sizeOf(framed), frames },
    reference: {
      graph: `[0:${video.index}]${[...held, ...picture.filters].join(",")}[reference]`,
      bitDepth,
      range: picture.tags.range,
      alignment: "start",
    },
    encoder: named,
    divisible: isDivisible
      ? {
          filters,
          temporal: picture.temporal,
          rendition: {
            encoder: named,
            codec: request.codec,
            ...sizeOf(framed),
            options: encoding,
            peakRate: null,
          },
        }
      : null,
  };
}

function sizeOf({ size }: Framing) {
  return { width: size.width, height: size.height };
}

function gopOf(video: VideoStreamInfo, { fps, keyframes }: VideoRequest): number {
  const rate = fps ?? averageFps(video);
  if (keyframes === "all") return 1;
  if (keyframes === "per_second") return Math.max(1, Math.round(rate ?? 25));
  return gopFrames(rate);
}
