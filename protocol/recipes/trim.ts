import { z } from "zod";
import { defineRecipe } from "./define.ts";
import { length, seconds } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";

const params = z
  .strictObject({
    startSeconds: seconds("Where the part begins").default(0),
    durationSeconds: length("How long the part is; by default to the end").optional(),
    endSeconds: length("Where the part ends, in place of durationSeconds").optional(),
    accurate: z
      .boolean()
      .default(true)
      .describe(
        "true encodes to begin on the very frame; false copies, from the key frame before.",
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
  plan: () => unsupported("trim is not planned yet"),
});
