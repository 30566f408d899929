import { z } from "zod";
import { defineRecipe } from "./define.ts";
import { audioBitrateKbps, length, seconds } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";

const params = z.strictObject({
  startSeconds: seconds("Where the part begins").default(0),
  durationSeconds: length("How long the part is; by default to the end").optional(),
  bitrateKbps: audioBitrateKbps.optional(),
});

/** Takes the sound alone, copied where the format allows. */
export const extractAudio = defineRecipe({
  name: "extractAudio",
  summary: "Takes the sound alone, copied where the format allows.",
  params,
  formats: ["mp3", "aac", "wav"],
  inputs: { min: 1, max: 1 },
  plan: () => unsupported("extractAudio is not planned yet"),
});
