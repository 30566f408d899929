import { z } from "zod";
import type { PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { planEncode } from "./parts/encode.ts";
import { height, length, seconds, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { spanOf } from "./parts/span.ts";

const params = z.strictObject({
  width: width.optional(),
  height: height.optional(),
  crf: z
    .number()
    .min(1)
    .max(51)
    .default(32)
    .describe("Constant quality, 1 to 51; smaller is better."),
  gop: z
    .enum(["per_second", "all_intra"])
    .default("per_second")
    .describe("Key frames: one a second, or every frame, for scrubbing."),
  startSeconds: seconds("Where the part begins").default(0),
  durationSeconds: length("How long the part is; by default to the end").optional(),
});

/** Largest proxy where no size is asked for. */
const DEFAULT_BOX = { width: 960, height: 960 };

/** Makes a light stand-in for editing and scrubbing. */
export const proxy = defineRecipe({
  name: "proxy",
  summary: "Makes a light stand-in for editing and scrubbing.",
  params,
  formats: ["mp4", "mov"],
  inputs: { min: 1, max: 1 },
  plan,
});

function plan(context: PlanContext<z.infer<typeof params>>): PlanResult {
  const { source, params: asked } = context;
  if (source.video === null) return unsupported("proxy needs a video stream; the source has none.");
  const span = spanOf(source, asked);
  if ("status" in span) return span;
  const isSized = asked.width !== undefined || asked.height !== undefined;
  return planEncode(context, {
    span,
    audio: "keep",
    video: {
      codec: "h264",
      quality: { kind: "crf", crf: asked.crf },
      preset: "veryfast",
      box: isSized ? { width: asked.width, height: asked.height } : DEFAULT_BOX,
      fit: "contain",
      enlarge: false,
      keepDepth: false,
      keyframes: asked.gop === "all_intra" ? "all" : "per_second",
    },
  });
}
