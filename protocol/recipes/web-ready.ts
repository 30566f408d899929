import { z } from "zod";
import type { AudioStreamInfo, SourceInfo, VideoStreamInfo } from "../media.ts";
import type { Plan, PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { isAacLc } from "./parts/audio.ts";
import { isHdr } from "./parts/color.ts";
import { planEncode } from "./parts/encode.ts";
import { hasPlainTimes, mayHaveHole } from "./parts/encode-sound.ts";
import { displaySize, framing } from "./parts/geometry.ts";
import { height, videoBitrateKbps, width } from "./parts/params.ts";
import { unsupportedFormat } from "./parts/rejections.ts";
import { canCopyVideo, copiedReference, copiedVideo, planRemux } from "./parts/remux.ts";
import { type Span, spanOf } from "./parts/span.ts";

const params = z.strictObject({
  crf: z
    .number()
    .min(1)
    .max(51)
    .default(23)
    .describe("Constant quality where it has to encode; smaller is better."),
  bitrateKbps: videoBitrateKbps.optional(),
  width: width.optional(),
  height: height.optional(),
  scaleDown: z
    .boolean()
    .default(true)
    .describe("Only ever make the picture smaller; false lets width and height enlarge it."),
});
type Params = z.infer<typeof params>;

/** Key frames further apart make seeking crawl. */
const MAX_KEYFRAME_GAP_SECONDS = 10;
/** A source this much above the bit rate asked for is near enough to be left alone. */
const BITRATE_SLACK = 1.1;

/** Makes a video that plays in every browser with the least work. */
export const webReady = defineRecipe({
  name: "webReady",
  summary:
    "Makes a video that plays in every browser with the least work: left as it is, remuxed, or encoded to H.264 and AAC.",
  params,
  formats: ["mp4"],
  inputs: { min: 1, max: 1 },
  plan,
});

function plan(context: PlanContext<Params>): PlanResult {
  const { source, params: asked } = context;
  if (source.video === null && source.audio.length === 0) {
    return unsupportedFormat("The source has neither video nor audio.");
  }
  const span = spanOf(source, { startSeconds: 0 });
  if ("status" in span) return span;
  const isPlayable =
    source.copies !== false &&
    (source.video === null || isPlayableVideo(source, source.video, asked));
  if (isPlayable && isLaidOutForTheWeb(source)) return passthrough(context, span);
  if (isPlayable && canCopyVideo(source, "mp4") && hasPlainTimes(source)) {
    return planRemux(context, {
      format: "mp4",
      span,
      tracks: source.audio.map((track) => ({
        source: track,
        encoding: isAacLc(track) && !mayHaveHole(source) ? null : "aac",
      })),
    });
  }
  return encode(context, span);
}

/** The delay of an encoder of sound stays below. */
const MOST_EARLY_SECONDS = 0.1;

/** H.264 as browsers and phones decode it in hardware, no larger and no heavier than asked for. */
function isPlayableVideo(source: SourceInfo, video: VideoStreamInfo, asked: Params): boolean {
  const gap = source.mp4?.maxKeyframeGapSeconds ?? null;
  return (
    video.codec === "h264" &&
    video.bitDepth === 8 &&
    (video.pixelFormat === "yuv420p" || video.pixelFormat === "yuvj420p") &&
    !video.interlaced &&
    !isHdr(video) &&
    (gap === null || gap <= MAX_KEYFRAME_GAP_SECONDS) &&
    (source.mp4 === null || source.mp4.sampleDecodesCleanly) &&
    // Packets before zero have no times in some containers, and would be left out of a copy.
    source.startSeconds > -MOST_EARLY_SECONDS &&
    hasSizeAskedFor(video, asked) &&
    hasBitrateAskedFor(source, video, asked)
  );
}

function hasSizeAskedFor(video: VideoStreamInfo, asked: Params): boolean {
  const framed = framing(video, {
    box: { width: asked.width, height: asked.height },
    fit: "contain",
    enlarge: !asked.scaleDown,
    grid: 2,
  });
  if ("status" in framed) return false;
  // An odd size that is otherwise right is playable as it is.
  const shown = displaySize(video);
  return (
    Math.abs(framed.size.width - shown.width) <= 1 &&
    Math.abs(framed.size.height - shown.height) <= 1
  );
}

function hasBitrateAskedFor(source: SourceInfo, video: VideoStreamInfo, asked: Params): boolean {
  if (asked.bitrateKbps === undefined) return true;
  const has = video.bitrateKbps ?? source.bitrateKbps;
  return has !== null && has <= asked.bitrateKbps * BITRATE_SLACK;
}

/** Nothing to be done to the file itself: its head comes first and it needs no clever demuxer. */
function isLaidOutForTheWeb({ mp4, video, audio }: SourceInfo): boolean {
  return (
    mp4?.headFirst === true &&
    !mp4.fragmented &&
    mp4.simpleEditList &&
    (video === null || mp4.maxKeyframeGapSeconds !== null) &&
    audio.every((track: AudioStreamInfo) => isAacLc(track))
  );
}

function passthrough({ source, sourceKey, output }: PlanContext<Params>, span: Span): Plan {
  const [audio] = source.audio;
  return {
    status: "planned",
    action: "passthrough",
    steps: [{ kind: "copy", stage: "transcoding", source: sourceKey, file: output.file }],
    outputs: [
      {
        ...output,
        video: copiedVideo(source, span),
        audio: audio === undefined ? null : { codec: audio.codec, channels: audio.channels },
        durationSeconds: span.expectedSeconds,
        durationToleranceSeconds: span.toleranceSeconds,
        ...copiedReference(source, [{ from: { source: sourceKey }, options: [] }]),
      },
    ],
  };
}

function encode(context: PlanContext<Params>, span: Span): PlanResult {
  const { crf, bitrateKbps, width, height, scaleDown } = context.params;
  return planEncode(context, {
    span,
    audio: "keep",
    video: {
      codec: "h264",
      quality:
        bitrateKbps === undefined ? { kind: "crf", crf } : { kind: "bitrate", kbps: bitrateKbps },
      preset: "medium",
      box: { width, height },
      fit: "contain",
      enlarge: !scaleDown,
      keepDepth: false,
    },
  });
}
