/** How close pictures are to what they were encoded from. */
import { z } from "zod";
import type { Work } from "./task.ts";

/** What PSNR is where no sample differs: the true value is infinite, which JSON has no word for. */
export const PSNR_CEILING_DB = 100;

const figures = {
  psnrDb: z
    .number()
    .min(0)
    .max(PSNR_CEILING_DB)
    .describe(
      `Peak signal-to-noise ratio of the mean error of all frames and planes, in decibels; ${PSNR_CEILING_DB} where no sample differs.`,
    ),
  ssim: z
    .number()
    .min(-1)
    .max(1)
    .nullable()
    .describe("Mean structural similarity, 1 for equal; null for pictures under 16 pixels."),
  vmaf: z
    .number()
    .min(0)
    .max(100)
    .nullable()
    .describe("Mean VMAF, 0 to 100; null where the worker's ffmpeg cannot measure it."),
  frames: z.number().int().positive().describe("How many were compared."),
};

const qualityFiguresSchema = z.object(figures);
export type QualityFigures = z.infer<typeof qualityFiguresSchema>;

export const outputQualitySchema = z
  .object({
    ...figures,
    renditions: z
      .array(
        z.object({
          name: z.string().max(128),
          width: z.number().int(),
          height: z.number().int(),
          videoCodec: z.string().max(64),
          ...figures,
        }),
      )
      .max(64)
      .optional()
      .describe("Of an adaptive output, each rung; the figures beside are those of the first."),
  })
  .meta({ id: "Quality" });
export type OutputQuality = z.infer<typeof outputQualitySchema>;

/** Recipes whose pictures are those of the source, frame by frame. */
const measuredRecipes: readonly string[] = [
  "webReady",
  "transcode",
  "compress",
  "proxy",
  "resize",
  "trim",
  "concat",
  "hls",
];

/** Why the quality of this work cannot be measured, or null. */
export function refuseQuality(work: Work): string | null {
  const name = work.mode === "recipe" ? work.recipe.name : null;
  if (name !== null && measuredRecipes.includes(name)) return null;
  return `quality is measured of the recipes ${measuredRecipes.join(", ")}`;
}
