/** A preset by its id, built-in or stored, as jobs use it and clients see it. */
import { z } from "zod";
import type { Preset } from "../../protocol/http/presets.ts";
import { outputFormatSchema } from "../../protocol/media.ts";
import { type BuiltInPreset, builtInPreset } from "../../protocol/presets.ts";
import { defaultFormat, isRecipeName, recipeRequestSchema } from "../../protocol/recipes/index.ts";
import { findPresetRow, type PresetRow } from "../catalogue/presets.ts";
import type { Env } from "../env.ts";
import { ApiError } from "./errors.ts";
import type { SpecPreset } from "./job-spec.ts";
import { isoTime } from "./time.ts";

export function noPreset(presetId: string): ApiError {
  return new ApiError("NOT_FOUND", `No preset with id '${presetId}' exists.`);
}

/** A stored recipe was valid when it was stored; an upgrade may have made it invalid since. */
function readStored(row: PresetRow): SpecPreset {
  const recipe = recipeRequestSchema.safeParse(JSON.parse(row.recipe));
  if (!recipe.success) {
    const detail = `The recipe of preset '${row.id}' is no longer valid; store it again.`;
    throw new ApiError("VALIDATION_ERROR", detail);
  }
  const format = outputFormatSchema.nullable().parse(row.outputFormat);
  return { recipe: recipe.data, format };
}

/** @throws ApiError NOT_FOUND. */
export async function findPreset(
  env: Env,
  accountId: string,
  presetId: string,
): Promise<SpecPreset> {
  const builtIn = builtInPreset(presetId);
  if (builtIn !== null) return builtIn;
  const row = await findPresetRow(env.DB, accountId, presetId);
  if (row === null) throw noPreset(presetId);
  return readStored(row);
}

export function builtInView(preset: BuiltInPreset): Preset {
  return {
    presetId: preset.presetId,
    name: preset.name,
    description: preset.description,
    recipe: preset.recipe,
    output: { format: preset.format },
    builtIn: true,
    createdAt: null,
    updatedAt: null,
  };
}

/** Shown as it is stored, so that one recipe an upgrade made invalid does not hide the others. */
export function presetView(row: PresetRow): Preset {
  const recipe = z.looseObject({ name: z.string() }).parse(JSON.parse(row.recipe));
  const fallback = isRecipeName(recipe.name) ? defaultFormat(recipe.name) : "mp4";
  const format = outputFormatSchema.catch(fallback).parse(row.outputFormat);
  return {
    presetId: row.id,
    name: row.name,
    description: row.description,
    recipe,
    output: { format },
    builtIn: false,
    createdAt: isoTime(row.createdAt),
    updatedAt: isoTime(row.updatedAt),
  };
}
