import { z } from "zod";
import type { OutputFormat, SourceInfo, VideoCodec } from "../media.ts";
import type { PlanResult, Step } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { defaultCodec, refuseCodec } from "./parts/container.ts";
import { type EncodeRequest, planEncode, type VideoRequest } from "./parts/encode.ts";
import { crf, refuseCrf, videoBitrateKbps, videoCodec } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { type Span, spanOf } from "./parts/span.ts";
import { secondsText } from "./parts/timing.ts";
import { hasTwoPasses, type Quality } from "./parts/video-encoder.ts";

const params = z
  .strictObject({
    crf: crf.optional(),
    targetSizeMb: z
      .number()
      .positive()
      .max(1_000_000)
      .optional()
      .describe(
        "Size to aim for, in megabytes of 1,000,000 bytes; short or hard clips may miss it by a few percent.",
      ),
    bitrateKbps: videoBitrateKbps.optional(),
    codec: videoCodec.optional(),
  })
  .check(({ value, issues }) => {
    const refuse = (path: string, message: string) =>
      issues.push({ code: "custom", path: [path], message, input: value });
    const ways = (["crf", "targetSizeMb", "bitrateKbps"] as const).filter(
      (name) => value[name] !== undefined,
    );
    if (ways.length > 1) refuse(ways[1] ?? "crf", `Use one of ${ways.join(" and ")}, not both`);
    const refusal = value.codec === undefined ? null : refuseCrf(value.codec, value.crf);
    if (refusal !== null) refuse("crf", refusal);
  });
type Params = z.infer<typeof params>;

/** Visibly about as good, at about half the size of the usual. */
const smallCrf: Readonly<Record<VideoCodec, number>> = { h264: 28, hevc: 30, av1: 38, vp9: 38 };
/** What the container and an encoder's overshoot take. */
const USABLE_SHARE = 0.95;
/** Sound gets a tenth, within what still sounds like something and what is enough. */
const AUDIO_SHARE = 0.1;
const AUDIO_KBPS = { least: 32, most: 128 };
/** Below this there is no picture worth the name. */
const LEAST_VIDEO_KBPS = 20;

/** Makes a file smaller: by quality, by bit rate, or to a size. */
export const compress = defineRecipe({
  name: "compress",
  summary: "Makes a file smaller: by quality, by bit rate, or to a size.",
  params,
  formats: ["mp4", "webm", "mov"],
  inputs: { min: 1, max: 1 },
  refuseFormat,
  plan,
});

function refuseFormat({ codec, crf }: Params, format: OutputFormat): string | null {
  return refuseCodec("codec", codec, format) ?? refuseCrf(codec ?? defaultCodec(format), crf);
}

function plan(context: PlanContext<Params>): PlanResult {
  const { source, output, params: asked } = context;
  if (source.video === null) {
    return unsupported("compress needs a video stream; the source has none.");
  }
  const span = spanOf(source, { startSeconds: 0 });
  if ("status" in span) return span;
  const codec = asked.codec ?? defaultCodec(output.format);
  if (asked.targetSizeMb !== undefined) return toSize(context, span, codec, asked.targetSizeMb);
  const quality: Quality =
    asked.bitrateKbps === undefined
      ? { kind: "crf", crf: asked.crf ?? smallCrf[codec] }
      : { kind: "bitrate", kbps: asked.bitrateKbps };
  return planEncode(context, request(span, codec, quality));
}

function request(
  span: Span,
  codec: VideoCodec,
  quality: Quality,
): EncodeRequest & { readonly video: VideoRequest } {
  return {
    span,
    audio: "keep",
    video: {
      codec,
      quality,
      preset: "medium",
      box: {},
      fit: "contain",
      enlarge: false,
      keepDepth: true,
    },
  };
}

/** Measured first and encoded then, where the encoder can; else in one pass. */
function toSize(
  context: PlanContext<Params>,
  span: Span,
  codec: VideoCodec,
  targetSizeMb: number,
): PlanResult {
  const rates = ratesFor(context.source, span, targetSizeMb);
  if (typeof rates === "string") return unsupported(rates);
  const encode = (quality: Quality, audio: "aac" | "opus" | "none") =>
    planEncode(context, { ...request(span, codec, quality), audio, audioKbps: rates.audioKbps });
  const audio = context.output.format === "webm" ? "opus" : "aac";
  const planned = encode({ kind: "bitrate", kbps: rates.videoKbps }, audio);
  if (planned.status === "rejected") return planned;
  // A size is met over the whole: parts would each have to be told theirs.
  const { division: _, ...once } = planned;
  if (
    !once.steps.every((step) => step.kind === "ffmpeg" && hasTwoPasses(step.encoder?.name ?? ""))
  ) {
    return once;
  }
  const measure = encode({ kind: "two_pass", kbps: rates.videoKbps, pass: 1 }, "none");
  const make = encode({ kind: "two_pass", kbps: rates.videoKbps, pass: 2 }, audio);
  if (measure.status === "rejected" || make.status === "rejected") return once;
  return { ...make, steps: [...measure.steps.map(thrownAway), ...make.steps] };
}

/** The first pass writes a file as well; nobody promised it. */
function thrownAway(step: Step): Step {
  if (step.kind !== "ffmpeg") return step;
  return {
    ...step,
    // Some encoders write nothing while they measure: frames alone tell how far it is.
    expectedSeconds: null,
    outputs: step.outputs.map((output) => ({ ...output, file: `first-pass.${output.muxer}` })),
  };
}

/** Bit rates that come to the size over the length, or why there are none. */
function ratesFor(
  source: SourceInfo,
  span: Span,
  targetSizeMb: number,
): { readonly videoKbps: number; readonly audioKbps: number } | string {
  const seconds = span.expectedSeconds;
  if (seconds === null) {
    return "targetSizeMb needs a source that says how long it is; this one does not.";
  }
  const kbps = (targetSizeMb * 8000 * USABLE_SHARE) / seconds;
  const tracks = source.audio.length;
  const audioKbps = Math.floor(
    Math.min(
      AUDIO_KBPS.most,
      Math.max(AUDIO_KBPS.least, (kbps * AUDIO_SHARE) / Math.max(1, tracks)),
    ),
  );
  const videoKbps = Math.floor(kbps - audioKbps * tracks);
  if (videoKbps >= LEAST_VIDEO_KBPS) return { videoKbps, audioKbps };
  const least =
    ((LEAST_VIDEO_KBPS + AUDIO_KBPS.least * tracks + 1) * seconds) / (8000 * USABLE_SHARE);
  return `targetSizeMb ${targetSizeMb} is too small for ${secondsText(seconds)} seconds; at least ${(Math.ceil(least * 100) / 100).toFixed(2)} is needed.`;
}
