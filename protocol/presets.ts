/** Built-in presets: recipes that most people want, under names that do not change. */

import type { z } from "zod";
import type { OutputFormat } from "./media.ts";
import { type RecipeRequest, recipeRequestSchema } from "./recipes/index.ts";

export interface BuiltInPreset {
  readonly presetId: string;
  readonly name: string;
  readonly description: string;
  readonly recipe: RecipeRequest;
  readonly format: OutputFormat;
}

const declared = [
  {
    presetId: "web-1080p",
    name: "Web 1080p",
    description: "Plays in every browser; at most 1920 by 1080. The least work that gets there.",
    recipe: { name: "webReady", width: 1920, height: 1080 },
    format: "mp4",
  },
  {
    presetId: "web-720p",
    name: "Web 720p",
    description: "Plays in every browser; at most 1280 by 720. The least work that gets there.",
    recipe: { name: "webReady", width: 1280, height: 720 },
    format: "mp4",
  },
  {
    presetId: "podcast-audio",
    name: "Podcast audio",
    description: "The sound alone, as MP3 of 128 kbit/s.",
    recipe: { name: "extractAudio", bitrateKbps: 128 },
    format: "mp3",
  },
  {
    presetId: "poster-image",
    name: "Poster image",
    description: "The first picture, 1280 pixels wide, as JPEG.",
    recipe: { name: "thumbnail", width: 1280 },
    format: "jpg",
  },
] as const satisfies readonly (Omit<BuiltInPreset, "recipe"> & {
  recipe: z.input<typeof recipeRequestSchema>;
})[];

/** In the order in which they are listed, defaults filled in. */
export const builtInPresets: readonly BuiltInPreset[] = declared.map((preset) => ({
  ...preset,
  recipe: recipeRequestSchema.parse(preset.recipe),
}));

export function builtInPreset(presetId: string): BuiltInPreset | null {
  return builtInPresets.find((preset) => preset.presetId === presetId) ?? null;
}
