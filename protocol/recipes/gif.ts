import { z } from "zod";
import type { SourceInfo, VideoStreamInfo } from "../media.ts";
import type { FfmpegStep, PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { keptGraph } from "./parts/changing-size.ts";
import { refuseHdr } from "./parts/color.ts";
import { type Framing, framing } from "./parts/geometry.ts";
import { length, seconds, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import {
  beginsLate,
  expectedOf,
  heldPictures,
  isWhole,
  lengthOf,
  partOptions,
  type Span,
  spanOfPictures,
} from "./parts/span.ts";
import { exactRate, secondsText } from "./parts/timing.ts";
import { stillFilters } from "./parts/video-filters.ts";

/** A GIF of more is larger than the video it shows. */
const MAX_SECONDS = 120;
const DEFAULT_WIDTH = 480;
/** Every picture is drawn twice and written nearly raw: this many pixels are about a gigabyte of GIF. */
const MAX_DRAWN_PIXELS = 4_000_000_000;
const PALETTE = "palette.png";

const params = z.strictObject({
  startSeconds: seconds("Where the part begins").default(0),
  durationSeconds: length("How long the part is; by default to the end")
    .max(MAX_SECONDS)
    .optional(),
  width: width
    .optional()
    .describe(
      `Width in pixels; by default at most ${DEFAULT_WIDTH}. Width × height × fps × seconds is at most ${MAX_DRAWN_PIXELS / 1e9} thousand million.`,
    ),
  fps: z
    .number()
    .min(1)
    .max(50)
    .default(12)
    .describe("Frames per second; GIF counts in hundredths of a second."),
});

/** Makes an animated picture with a palette of its own. */
export const gif = defineRecipe({
  name: "gif",
  summary: "Makes an animated picture with a palette of its own.",
  params,
  formats: ["gif"],
  inputs: { min: 1, max: 1 },
  plan,
});

function plan(context: PlanContext<z.infer<typeof params>>): PlanResult {
  const { source, sourceKey, output, params: asked } = context;
  const { video } = source;
  if (video === null) return unsupported("gif needs a video stream; the source has none.");
  const span = spanOfPictures(source, video, asked);
  if ("status" in span) return span;
  // The pictures may end before; how long they last is not always told.
  const most = span.expectedSeconds ?? expectedOf(lengthOf(source), span);
  if (asked.durationSeconds === undefined && (most ?? 0) > MAX_SECONDS) {
    return unsupported(
      `A gif lasts at most ${MAX_SECONDS} seconds and this would last ${secondsText(most ?? 0)}: give durationSeconds.`,
    );
  }
  const refusal = refuseHdr(video);
  if (refusal !== null) return refusal;
  const framed = framing(video, {
    box: { width: asked.width ?? DEFAULT_WIDTH },
    fit: "contain",
    enlarge: asked.width !== undefined,
    grid: 1,
  });
  if ("status" in framed) return framed;
  const drawn = framed.size.width * framed.size.height * asked.fps * (most ?? 1);
  if (drawn > MAX_DRAWN_PIXELS) {
    const { width, height } = framed.size;
    return unsupported(
      `A gif of ${width}x${height}, ${asked.fps} pictures a second and ${secondsText(most ?? 1)} seconds is too large: width × height × fps × seconds is at most ${MAX_DRAWN_PIXELS}.`,
    );
  }
  const chain = [...heldPictures(source, span), pictures(source, framed, asked.fps, span)].join(
    ",",
  );
  const reading: Reading = {
    from: { source: sourceKey },
    options: [...keptGraph(source), ...partOptions(source, span)],
  };
  return {
    status: "planned",
    action: "encode",
    steps: [
      palette(reading, video, chain),
      drawing(reading, video, span, chain, { file: output.file, fps: asked.fps }),
    ],
    outputs: [
      {
        ...output,
        video: { codec: "gif", ...framed.size, frames: null },
        audio: null,
        durationSeconds: span.expectedSeconds,
        durationToleranceSeconds: span.toleranceSeconds,
      },
    ],
  };
}

type Reading = FfmpegStep["inputs"][number];

/** A gif begins with its first picture, which is shown for as long as there was none. */
function pictures(source: SourceInfo, framed: Framing, fps: number, span: Span): string {
  const { video } = source;
  if (video === null) throw new RangeError("a gif of no pictures");
  const rate = exactRate(fps);
  const isFilled = !isWhole(span) || beginsLate(source);
  const ends = span.lengthSeconds ?? span.expectedSeconds;
  // The last picture counts though what is left of it is short: of a single one nothing else would be left.
  return [
    // A moment before the first picture would count as one more.
    ...(isFilled ? [] : ["setpts=PTS-STARTPTS"]),
    `fps=fps=${rate.num}/${rate.den}:start_time=0:eof_action=pass`,
    // Rounded to the new rate, the last picture may begin where the part ends.
    ...(ends === null ? [] : [`trim=end_frame=${Math.max(1, Math.round(ends * fps))}`]),
    ...stillFilters(video, framed, "gif"),
  ].join(",");
}

/**
 * The colours of the whole part, found first: in one graph the frames would wait in memory for the last one. All of them:
 * of what differs from picture to picture alone, a background that never moves would have none of its own.
 */
function palette(reading: Reading, video: VideoStreamInfo, chain: string): FfmpegStep {
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [reading],
    filterComplex: `[0:${video.index}]${chain},palettegen=stats_mode=full[palette]`,
    outputs: [
      {
        file: PALETTE,
        muxer: "image2",
        options: ["-map", "[palette]", "-frames:v", "1", "-update", "1", "-c:v", "png"],
      },
    ],
    expectedFrames: null,
    expectedSeconds: null,
    encoder: null,
  };
}

function drawing(
  reading: Reading,
  video: VideoStreamInfo,
  span: Span,
  chain: string,
  { file, fps }: { readonly file: string; readonly fps: number },
): FfmpegStep {
  const dither = "paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle";
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [reading, { from: { file: PALETTE }, options: [] }],
    filterComplex: `[0:${video.index}]${chain}[pictures];[pictures][1:0]${dither}[drawn]`,
    outputs: [
      { file, muxer: "gif", options: ["-map", "[drawn]", "-map_metadata", "-1", "-loop", "0"] },
    ],
    expectedFrames:
      span.expectedSeconds === null ? null : Math.max(1, Math.round(span.expectedSeconds * fps)),
    expectedSeconds: span.expectedSeconds,
    encoder: null,
  };
}
