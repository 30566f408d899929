/** Presets: recipes with a name, stored or built in. */
import { z } from "zod";
import { outputFormatSchema } from "../media.ts";
import { recipeRequestSchema } from "../recipes/index.ts";
import { listSchema, timeSchema } from "./common.ts";
import { displayNameSchema } from "./keys.ts";

export const presetRequestSchema = z.strictObject({
  name: displayNameSchema,
  description: z.string().max(500).optional(),
  recipe: recipeRequestSchema,
  output: z.strictObject({ format: outputFormatSchema }).optional(),
});
export type PresetRequest = z.output<typeof presetRequestSchema>;
/** As a client writes it: what has a default may be left out. */
export type PresetDraft = z.input<typeof presetRequestSchema>;

export const presetSchema = z
  .object({
    presetId: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    recipe: z.record(z.string(), z.unknown()).describe("Defaults filled in."),
    output: z.object({ format: outputFormatSchema }),
    builtIn: z.boolean(),
    createdAt: timeSchema.nullable(),
    updatedAt: timeSchema.nullable(),
  })
  .meta({ id: "Preset" });
export type Preset = z.infer<typeof presetSchema>;
export const presetListSchema = listSchema("presets", presetSchema);
export type PresetList = z.infer<typeof presetListSchema>;
