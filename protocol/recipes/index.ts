/** Every recipe there is: what a client may ask for, and the plan that follows from a probed source. */
import { z } from "zod";
import { planCommand } from "../command/plan.ts";
import type { EncoderCapability, OutputFormat, SourceInfo } from "../media.ts";
import type { PlanResult } from "../plan.ts";
import type { Work } from "../task.ts";
import { compress } from "./compress.ts";
import { concat } from "./concat.ts";
import type { PlannedOutput, Recipe } from "./define.ts";
import { extractAudio } from "./extract-audio.ts";
import { gif } from "./gif.ts";
import { hls } from "./hls.ts";
import { unsupported } from "./parts/rejections.ts";
import { proxy } from "./proxy.ts";
import { resize } from "./resize.ts";
import { storyboard } from "./storyboard.ts";
import { thumbnail } from "./thumbnail.ts";
import { transcode } from "./transcode.ts";
import { trim } from "./trim.ts";
import { webReady } from "./web-ready.ts";

/** By name. A new recipe is a line here and one in `recipeRequestSchema`. */
export const recipes = {
  webReady,
  transcode,
  compress,
  proxy,
  resize,
  trim,
  extractAudio,
  thumbnail,
  concat,
  hls,
  storyboard,
  gif,
} as const;

export type RecipeName = keyof typeof recipes;
export const recipeNames = Object.keys(recipes) as [RecipeName, ...RecipeName[]];

/** A recipe's parameters with its name beside them, checked as the recipe says. */
function request<Name extends string, Shape extends z.ZodRawShape>(
  recipe: Recipe<Name, z.ZodObject<Shape, z.core.$strict>>,
) {
  const params: z.ZodObject = recipe.params;
  // The compiler cannot carry a generic shape through `safeExtend`; it keeps the checks, unlike `.shape`.
  return params.safeExtend({ name: z.literal(recipe.name) }) as unknown as z.ZodObject<
    Shape & { name: z.ZodLiteral<Name> },
    z.core.$strict
  >;
}

/** `recipe` of a job: a name and that recipe's parameters; strict, defaults filled in. */
export const recipeRequestSchema = z.discriminatedUnion(
  "name",
  [
    request(webReady),
    request(transcode),
    request(compress),
    request(proxy),
    request(resize),
    request(trim),
    request(extractAudio),
    request(thumbnail),
    request(concat),
    request(hls),
    request(storyboard),
    request(gif),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union" ? `must be one of ${recipeNames.join(", ")}` : undefined,
  },
);
export type RecipeRequest = z.infer<typeof recipeRequestSchema>;

export function isRecipeName(name: string): name is RecipeName {
  return Object.hasOwn(recipes, name);
}

/** Why a request cannot be answered in this format, or null; `output.format` of a job is checked with it. */
export function refuseFormat(request: RecipeRequest, format: OutputFormat): string | null {
  const recipe: Recipe<string, z.ZodObject> = recipes[request.name];
  if (!recipe.formats.includes(format)) {
    return `must be one of ${recipe.formats.join(", ")} for ${request.name}`;
  }
  return recipe.refuseFormat?.(request, format) ?? null;
}

/**
 * The sentence a client reads of a refusal of `refuseFormat`: of the format itself, which stands at `formatField`
 * of the body, or of the recipe's parameter that the refusal begins with.
 */
export function formatRefusal(refusal: string, formatField: string): string {
  return refusal.startsWith("must ") ? `${formatField} ${refusal}` : `recipe.${refusal}`;
}

/** The format of a request that names none. */
export function defaultFormat(name: RecipeName): OutputFormat {
  return recipes[name].formats[0];
}

/**
 * The plan of a task: pure, the same arguments give the same plan. What a source cannot become, or what no
 * proved encoder can make, is a rejection.
 *
 * @param sources the probed sources by input key; a recipe of one input works on the first.
 * @param encoders what the agent proved, best first.
 */
export function planWork(
  work: Work,
  sources: Readonly<Record<string, SourceInfo>>,
  output: PlannedOutput,
  encoders: readonly EncoderCapability[],
): PlanResult {
  if (work.mode === "ffmpeg") return planCommand(work.args, sources, [output], encoders);
  const { name, ...given } = work.recipe;
  if (!isRecipeName(name)) {
    return unsupported(`recipe.name must be one of ${recipeNames.join(", ")}`);
  }
  const recipe: Recipe<string, z.ZodObject> = recipes[name];
  const params = recipe.params.safeParse(given);
  if (!params.success) return unsupported(`recipe: ${z.prettifyError(params.error)}`);
  if (!recipe.formats.includes(output.format)) {
    return unsupported(`${name} makes ${recipe.formats.join(", ")}, not ${output.format}`);
  }
  const refusal = recipe.refuseFormat?.(params.data, output.format) ?? null;
  if (refusal !== null) return unsupported(refusal);
  const [first] = Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1));
  if (first === undefined) return unsupported(`${name} needs an input`);
  const [sourceKey, source] = first;
  return recipe.plan({
    params: params.data,
    sources,
    source,
    sourceKey,
    output,
    encoders,
  });
}
