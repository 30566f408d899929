import { z } from "zod";
import type { PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { defaultCodec } from "./parts/container.ts";
import { planEncode } from "./parts/encode.ts";
import { height, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { spanOf } from "./parts/span.ts";
import { qualityOf } from "./parts/video-encoder.ts";

const params = z
  .strictObject({
    width: width.optional(),
    height: height.optional(),
    fit: z
      .enum(["contain", "cover", "stretch"])
      .default("contain")
      .describe(
        "Where both are given: contain keeps the shape inside them, cover fills them and crops, stretch fills them and distorts.",
      ),
  })
  .check(({ value, issues }) => {
    if (value.width === undefined && value.height === undefined) {
      issues.push({
        code: "custom",
        path: ["width"],
        message: "Give width, height or both",
        input: value,
      });
    }
  });

/** Scales the picture to a width, a height, or both. */
export const resize = defineRecipe({
  name: "resize",
  summary: "Scales the picture to a width, a height, or both.",
  params,
  formats: ["mp4", "webm", "mov"],
  inputs: { min: 1, max: 1 },
  plan,
});

function plan(context: PlanContext<z.infer<typeof params>>): PlanResult {
  const { source, output, params: asked } = context;
  if (source.video === null)
    return unsupported("resize needs a video stream; the source has none.");
  const span = spanOf(source, { startSeconds: 0 });
  if ("status" in span) return span;
  const codec = defaultCodec(output.format);
  return planEncode(context, {
    span,
    audio: "keep",
    video: {
      codec,
      quality: qualityOf(codec, {}),
      preset: "medium",
      box: { width: asked.width, height: asked.height },
      fit: asked.fit,
      enlarge: true,
      keepDepth: false,
    },
  });
}
