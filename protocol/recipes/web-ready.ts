import { z } from "zod";
import { defineRecipe } from "./define.ts";
import { height, videoBitrateKbps, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";

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

/** Makes a video that plays in every browser with the least work: left as it is, remuxed, or encoded to H.264 and AAC. */
export const webReady = defineRecipe({
  name: "webReady",
  summary:
    "Makes a video that plays in every browser with the least work: left as it is, remuxed, or encoded to H.264 and AAC.",
  params,
  formats: ["mp4"],
  inputs: { min: 1, max: 1 },
  plan: () => unsupported("webReady is not planned yet"),
});
