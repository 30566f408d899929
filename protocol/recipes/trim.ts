import { z } from "zod";
import type { PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { canCopyAudio } from "./parts/audio.ts";
import { defaultCodec, isContainer } from "./parts/container.ts";
import { planEncode } from "./parts/encode.ts";
import { length, seconds } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { canCopyVideo, planRemux } from "./parts/remux.ts";
import { spanOf } from "./parts/span.ts";
import { qualityOf } from "./parts/video-encoder.ts";

const params = z
  .strictObject({
    startSeconds: seconds("Where the part begins").default(0),
    durationSeconds: length("How long the part is; by default to the end").optional(),
    endSeconds: length("Where the part ends, in place of durationSeconds").optional(),
    accurate: z
      .boolean()
      .default(true)
      .describe(
        "true encodes to begin on the very frame; false copies, where the format can, from the key frame before.",
      ),
  })
  .check(({ value, issues }) => {
    const refuse = (path: string, message: string) =>
      issues.push({ code: "custom", path: [path], message, input: value });
    if (value.endSeconds === undefined) return;
    if (value.durationSeconds !== undefined) {
      refuse("endSeconds", "Use either durationSeconds or endSeconds, not both");
    }
    if (value.endSeconds <= value.startSeconds) {
      refuse("endSeconds", "must be greater than startSeconds");
    }
  });

/** Cuts out a part. */
export const trim = defineRecipe({
  name: "trim",
  summary: "Cuts out a part.",
  params,
  formats: ["mp4", "webm", "mov"],
  inputs: { min: 1, max: 1 },
  plan,
});

function plan(context: PlanContext<z.infer<typeof params>>): PlanResult {
  const { source, output, params: asked } = context;
  const { format } = output;
  if (source.video === null && source.audio.length === 0) {
    return unsupported("trim needs a video or an audio stream; the source has neither.");
  }
  const span = spanOf(source, asked);
  if ("status" in span) return span;
  const copies =
    !asked.accurate &&
    isContainer(format) &&
    canCopyVideo(source, format) &&
    source.audio.every((track) => canCopyAudio(track, format));
  if (copies) {
    const tracks = source.audio.map((track) => ({ source: track, encoding: null }));
    return planRemux(context, { format, span, tracks });
  }
  const codec = defaultCodec(format);
  return planEncode(context, {
    span,
    audio: "keep",
    video: {
      codec,
      quality: qualityOf(codec, {}),
      preset: "medium",
      box: {},
      fit: "contain",
      enlarge: false,
      keepDepth: false,
    },
  });
}
