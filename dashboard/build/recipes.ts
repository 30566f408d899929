/**
 * What the dashboard knows of recipes: their JSON Schemas, made when it is built, so that the page carries neither
 * the schemas' library nor the code that plans.
 */
import { z } from "zod";
import type { OutputFormat } from "../../protocol/media.ts";
import { recipeNames, recipes } from "../../protocol/recipes/index.ts";

export interface RecipeForm {
  readonly name: string;
  readonly summary: string;
  readonly formats: readonly OutputFormat[];
  readonly inputs: { readonly min: number; readonly max: number };
  /** JSON Schema (2020-12) of the parameters, as a client writes them. */
  readonly schema: z.core.JSONSchema.BaseSchema;
}

/** Every recipe's form, in the order of the reference. */
export function recipeForms(): readonly RecipeForm[] {
  return recipeNames.map((name) => {
    const { summary, formats, inputs, params } = recipes[name];
    const schema = z.toJSONSchema(params, { io: "input", unrepresentable: "any" });
    return { name, summary, formats, inputs, schema };
  });
}
