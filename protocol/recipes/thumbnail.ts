import { z } from "zod";
import { defineRecipe } from "./define.ts";
import { height, seconds, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";

const params = z.strictObject({
  seekSeconds: seconds("Where the picture is taken").default(0),
  width: width.optional(),
  height: height.optional(),
});

/** Takes one picture. */
export const thumbnail = defineRecipe({
  name: "thumbnail",
  summary: "Takes one picture.",
  params,
  formats: ["jpg", "png"],
  inputs: { min: 1, max: 1 },
  plan: () => unsupported("thumbnail is not planned yet"),
});
