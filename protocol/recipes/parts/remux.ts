/** Streams copied into another container, or from their key frames on. */
import type { SourceInfo, VideoCodec } from "../../media.ts";
import type { PlanResult, PromisedOutput, Reference } from "../../plan.ts";
import type { PlanContext } from "../define.ts";
import { type AudioTrack, planAudio } from "./audio.ts";
import { carriedTags } from "./color.ts";
import { type ContainerFormat, containerOptions, muxers } from "./container.ts";
import { presentedFrames } from "./encode-length.ts";
import { beginsEarly, isWhole, reachedSeconds, type Span, spanOptions } from "./span.ts";
import { keptTracks, subtitleOptions } from "./subtitles.ts";

export interface RemuxRequest {
  readonly format: ContainerFormat;
  readonly tracks: readonly AudioTrack[];
  readonly span: Span;
}

type RemuxContext = Pick<PlanContext<unknown>, "source" | "sourceKey" | "output">;

const codecs: Readonly<Record<ContainerFormat, readonly string[]>> = {
  mp4: ["h264", "hevc", "av1", "vp9", "mpeg4"],
  mov: ["h264", "hevc", "mpeg4", "prores", "mjpeg"],
  webm: ["vp8", "vp9", "av1"],
};

/** Whether the pictures can be copied into that format. AVI has no presentation times to copy, nor has what is before zero. */
export function canCopyVideo(source: SourceInfo, format: ContainerFormat): boolean {
  if (source.copies === false || beginsEarly(source)) return false;
  if (source.video === null) return true;
  return !source.format.includes("avi") && codecs[format].includes(source.video.codec);
}

function isVideoCodec(codec: string): codec is VideoCodec {
  return codec === "h264" || codec === "hevc" || codec === "av1" || codec === "vp9";
}

/** What the gate finds of a copied picture. Turned or stretched ones have two sizes: neither is promised. */
export function copiedVideo(source: SourceInfo, span: Span): PromisedOutput["video"] {
  const { video } = source;
  if (video === null) return null;
  const isPlain =
    video.rotation === 0 &&
    (video.sampleAspect.num === video.sampleAspect.den || video.sampleAspect.num === 0);
  return {
    codec: isVideoCodec(video.codec) ? video.codec : null,
    width: isPlain ? video.width : null,
    height: isPlain ? video.height : null,
    frames: presentedFrames(source, span, undefined),
    isCopy: true,
  };
}

/** Copied pictures are compared as they are; their times may have been moved, all by as much. */
export function copiedReference(
  { video }: SourceInfo,
  inputs: Reference["inputs"],
): { readonly reference?: Reference } {
  if (video === null) return {};
  return {
    reference: {
      inputs,
      graph: `[0:${video.index}]null[reference]`,
      bitDepth: video.bitDepth > 8 ? 10 : 8,
      range: carriedTags(video, video).range,
      alignment: "first_picture",
    },
  };
}

/** Copies the pictures, and copies or encodes each track of sound. */
export function planRemux(context: RemuxContext, request: RemuxRequest): PlanResult {
  const { source, sourceKey, output } = context;
  const { format, tracks, span } = request;
  const audio = planAudio(tracks, format);
  const video = copiedVideo(source, span);
  const subtitles = keptTracks(source, span);
  const isPart = !isWhole(span);
  const inputs = [
    {
      from: { source: sourceKey },
      // The sound, too, begins where the key frame does.
      options: [...(isPart ? ["-noaccurate_seek"] : []), ...spanOptions(span)],
    },
  ];
  return {
    status: "planned",
    action: "remux",
    steps: [
      {
        kind: "ffmpeg",
        stage: "transcoding",
        inputs,
        filterComplex: null,
        outputs: [
          {
            file: output.file,
            muxer: muxers[format],
            options: [
              ...videoOptions(source, format),
              ...audio.options,
              ...subtitleOptions(subtitles, format),
              ...containerOptions({ format, ticks: null }),
              // The part begins at the key frame for every player, not by an edit list for some.
              ...(isPart ? ["-avoid_negative_ts", "make_zero"] : []),
            ],
          },
        ],
        expectedFrames: null,
        expectedSeconds: reachedSeconds(source, span.expectedSeconds),
        encoder: null,
      },
    ],
    outputs: [
      {
        ...output,
        video,
        audio: audio.promise,
        subtitles: subtitles.length,
        durationSeconds: span.expectedSeconds,
        durationToleranceSeconds: span.toleranceSeconds + (isPart ? keyframeGap(source) : 0),
        ...copiedReference(source, inputs),
      },
    ],
  };
}

/** How much longer a part may be because it begins at the key frame before. */
function keyframeGap(source: SourceInfo): number {
  return source.mp4?.maxKeyframeGapSeconds ?? 30;
}

function videoOptions({ video }: SourceInfo, format: ContainerFormat): string[] {
  if (video === null) return [];
  const tag = video.codec === "hevc" && format !== "webm" ? ["-tag:v", "hvc1"] : [];
  return ["-map", `0:${video.index}`, "-c:v", "copy", ...tag];
}
