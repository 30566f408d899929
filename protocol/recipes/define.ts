/** What a recipe is. Adding one is a file beside this one, a line in `index.ts`, and its test. */
import type { z } from "zod";
import type { EncoderCapability, OutputFormat, SourceInfo } from "../media.ts";
import type { PlanResult } from "../plan.ts";

/** The one output asked for, by its key, name and format. */
export interface PlannedOutput {
  readonly key: string;
  readonly file: string;
  readonly format: OutputFormat;
}

export interface PlanContext<Params> {
  readonly params: Params;
  /** The probed sources by input key; a recipe of one input reads `source`. Never empty. */
  readonly sources: Readonly<Record<string, SourceInfo>>;
  /** The first of `sources`, with its key. */
  readonly source: SourceInfo;
  readonly sourceKey: string;
  readonly output: PlannedOutput;
  /** What this agent's encoders proved, best first. */
  readonly encoders: readonly EncoderCapability[];
}

export interface Recipe<Name extends string, Schema extends z.ZodObject> {
  readonly name: Name;
  /** One sentence for the reference and the dashboard. */
  readonly summary: string;
  /** Parameters beside `name`; strict, with defaults, units in the names, limits and descriptions. */
  readonly params: Schema;
  /** What it can make; the first is the default. */
  readonly formats: readonly [OutputFormat, ...OutputFormat[]];
  readonly inputs: { readonly min: number; readonly max: number };
  /** Why these parameters cannot be had in this one of `formats`, or null; said before the job is accepted. */
  refuseFormat?(params: z.infer<Schema>, format: OutputFormat): string | null;
  /** Pure: the same context gives the same plan. */
  plan(context: PlanContext<z.infer<Schema>>): PlanResult;
}

/** Declares a recipe; infers its parameters from its schema. */
export function defineRecipe<const Name extends string, Schema extends z.ZodObject>(
  recipe: Recipe<Name, Schema>,
): Recipe<Name, Schema> {
  return recipe;
}
