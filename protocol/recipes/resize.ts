import { z } from "zod";
import { defineRecipe } from "./define.ts";
import { height, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";

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
  plan: () => unsupported("resize is not planned yet"),
});
