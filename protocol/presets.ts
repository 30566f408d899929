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
    presetId: "hls-1080p",
    name: "HLS ladder to 1080p",
    description: "Adaptive streaming with H.264 up to 1080 lines, for HLS and DASH players.",
    recipe: { name: "hls", maxHeight: 1080 },
    format: "hls",
  },
  {
    presetId: "hls-2160p",
    name: "HLS ladder to 2160p",
    description:
      "Adaptive streaming with H.264 and HEVC up to 2160 lines, for HLS and DASH players.",
    recipe: { name: "hls", maxHeight: 2160, codecs: ["h264", "hevc"] },
    format: "hls",
  },
  {
    presetId: "archive-hevc",
    name: "Archive HEVC",
    description: "All that can be seen of the source, with HEVC, at a fraction of the usual size.",
    recipe: { name: "transcode", codec: "hevc", crf: 20, preset: "slow" },
    format: "mp4",
  },
  {
    presetId: "av1-small",
    name: "AV1",
    description: "Small files for players of today, with AV1.",
    recipe: { name: "transcode", codec: "av1", crf: 32 },
    format: "mp4",
  },
  {
    presetId: "edit-proxy",
    name: "Editing proxy",
    description: "A small copy for editing, every picture a key frame.",
    recipe: { name: "proxy", height: 540, gop: "all_intra" },
    format: "mp4",
  },
  {
    presetId: "social-vertical",
    name: "Social vertical",
    description: "1080 by 1920, filled and cut in the middle.",
    recipe: { name: "resize", width: 1080, height: 1920, fit: "cover" },
    format: "mp4",
  },
  {
    presetId: "seek-storyboard",
    name: "Storyboard for seek bars",
    description: "A small picture for every five seconds, on sheets, and the WebVTT track of them.",
    recipe: { name: "storyboard" },
    format: "jpg",
  },
  {
    presetId: "podcast-audio",
    name: "Podcast audio",
    description: "The sound alone, at the loudness of podcasts (-16 LUFS), as MP3 of 128 kbit/s.",
    recipe: { name: "extractAudio", bitrateKbps: 128, loudnessLufs: -16 },
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
