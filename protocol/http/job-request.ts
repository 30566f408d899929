/** The body of `POST /v1/jobs`: its fields, and the rules between them. */
import { z } from "zod";
import { slugSchema } from "../ids.ts";
import { outputFormatSchema } from "../media.ts";
import { recipeRequestSchema } from "../recipes/index.ts";
import { inputKeySchema, outputFilenameSchema, outputKeySchema } from "../task.ts";
import { clientMetadataSchema, MAX_TIMEOUT_SECONDS } from "./common.ts";

const MAX_FILES = 16;
const MAX_ARGS = 200;
const MAX_URL_LENGTH = 2048;

/** What an id looks like is not checked here: an id that is none is one that does not exist. */
const referenceSchema = z.string().min(1).max(128);

const jobSourceSchema = z
  .strictObject({
    videoId: referenceSchema.optional().describe("A video of this account."),
    url: z
      .string()
      .min(1)
      .max(MAX_URL_LENGTH)
      .optional()
      .describe("An https URL of a public host, fetched by the worker."),
  })
  .refine((source) => source.videoId === undefined || source.url === undefined, {
    error: "must have either videoId or url, not both",
  });

const wholeNumber = (min: number, max: number) => z.number().int().min(min).max(max);

const fieldsSchema = z.strictObject({
  mode: z.enum(["recipe", "ffmpeg"]).optional().describe("Implied by which of the two is given."),
  videoId: referenceSchema.optional(),
  input: jobSourceSchema.optional(),
  input_files: z.record(inputKeySchema, jobSourceSchema).optional(),
  output: z
    .strictObject({
      format: outputFormatSchema.optional(),
      name: outputFilenameSchema.optional().describe("result.<ext> unless given."),
    })
    .optional(),
  output_files: z.record(outputKeySchema, outputFilenameSchema).optional(),
  recipe: recipeRequestSchema.optional(),
  presetId: referenceSchema.optional(),
  ffmpeg: z.strictObject({ args: z.array(z.string().max(8192)).min(1).max(MAX_ARGS) }).optional(),
  quality: z
    .boolean()
    .default(false)
    .describe(
      "Measure PSNR, SSIM and, where the worker can, VMAF of the pictures against the source.",
    ),
  webhookUrl: z.string().min(1).max(MAX_URL_LENGTH).optional(),
  priority: wholeNumber(-10, 10).default(0).describe("Higher first."),
  pool: slugSchema.default("default").describe("Whose workers may run it."),
  timeoutSeconds: wholeNumber(1, MAX_TIMEOUT_SECONDS)
    .optional()
    .describe(
      "How long a run may be worked on, its attempts together. At most the server's limit.",
    ),
  queueTimeoutSeconds: wholeNumber(1, MAX_TIMEOUT_SECONDS)
    .default(86_400)
    .describe("How long it may wait for a worker before it fails."),
  maxAttempts: wholeNumber(1, 20)
    .optional()
    .describe(
      "Attempts of a task, a lost worker included; the server's `MAX_ATTEMPTS` unless given.",
    ),
  metadata: clientMetadataSchema.optional().describe("Echoed back."),
});

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function entryCount(value: unknown): number {
  return isObject(value) ? Object.keys(value).length : 0;
}

/** The rule that decides what is to be done, if the body breaks it. */
function workRule(body: Fields): string | null {
  const isGiven = (name: string) => body[name] !== undefined;
  if (isGiven("ffmpeg") && (isGiven("recipe") || isGiven("presetId"))) {
    return "Use either recipe (or presetId) or ffmpeg, not both";
  }
  if (isGiven("recipe") && isGiven("presetId")) return "Use either recipe or presetId, not both";
  if (body.mode === "ffmpeg" && !isGiven("ffmpeg")) {
    return "ffmpeg.args must contain at least 1 element";
  }
  if (body.mode === "recipe" && isGiven("ffmpeg")) return "ffmpeg needs mode 'ffmpeg'";
  const isRecipe = isGiven("recipe") || isGiven("presetId");
  if (body.mode === "recipe" && !isRecipe) return "recipe is required in mode 'recipe'";
  return isRecipe || isGiven("ffmpeg") ? null : "recipe, presetId or ffmpeg is required";
}

/** The rule that keeps the two ways of naming files apart, if the body breaks it. */
function eitherRule(body: Fields): string | null {
  const isSingle = body.input !== undefined || body.output !== undefined;
  const isNamed = body.input_files !== undefined || body.output_files !== undefined;
  if (isSingle && isNamed) {
    return "Use either input/output or input_files/output_files, not both";
  }
  if (body.videoId !== undefined && body.input !== undefined) {
    return "Use either videoId or input, not both";
  }
  if (body.videoId !== undefined && body.input_files !== undefined) {
    return "Use either videoId or input_files, not both";
  }
  return null;
}

/** The rule about how many inputs and outputs there must be, if the body breaks it. */
function filesRule(body: Fields): string | null {
  const isConcat = isObject(body.recipe) && body.recipe.name === "concat";
  if (isConcat && entryCount(body.input_files) < 2) {
    return "concat recipe requires input_files with at least two entries";
  }
  for (const name of ["input_files", "output_files"] as const) {
    if (!isObject(body[name])) continue;
    const count = entryCount(body[name]);
    if (count === 0) return `${name} must contain at least 1 entry`;
    if (count > MAX_FILES) return `${name} must contain at most ${MAX_FILES} entries`;
  }
  return body.videoId === undefined && body.input === undefined && body.input_files === undefined
    ? "input.url is required for this recipe"
    : null;
}

/** An input that names neither a video nor a URL; the first one, by its path. */
function emptySourceRule(body: Fields): string | null {
  const sources: [string, unknown][] = [["input", body.input]];
  if (isObject(body.input_files)) {
    for (const [key, source] of Object.entries(body.input_files)) {
      sources.push([`input_files.${key}`, source]);
    }
  }
  const empty = sources.find(
    ([, source]) => isObject(source) && source.videoId === undefined && source.url === undefined,
  );
  // A misspelt field is better named than the one it stands for, so only `{}` is judged here.
  if (empty === undefined || entryCount(empty[1]) > 0) return null;
  return `${empty[0]}.url is required for this recipe`;
}

/** The first rule between fields that the body breaks, as a sentence; null when there is none. */
function jobRequestRule(body: unknown): string | null {
  if (!isObject(body)) return null;
  return eitherRule(body) ?? workRule(body) ?? filesRule(body) ?? emptySourceRule(body);
}

/** Names the unknown fields first: a misspelt field is often why another one seems to be missing. */
function hasUnknownField(body: unknown): boolean {
  return (
    isObject(body) && Object.keys(body).some((name) => !Object.hasOwn(fieldsSchema.shape, name))
  );
}

export const jobRequestSchema = z.preprocess((body, context) => {
  const rule = hasUnknownField(body) ? null : jobRequestRule(body);
  if (rule === null) return body;
  context.addIssue({ code: "custom", message: rule, path: [] });
  return z.NEVER;
}, fieldsSchema);

/** As a client writes it. */
export type JobRequest = z.input<typeof fieldsSchema>;
/** With defaults filled in. */
export type ParsedJobRequest = z.output<typeof fieldsSchema>;
export type JobSource = z.output<typeof jobSourceSchema>;
