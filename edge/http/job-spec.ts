/** Reads what a job request asks for: the work, its inputs by key, its outputs by key. Pure. */
import { checkCommand } from "../../protocol/command/check.ts";
import { extensionOf, formatOfName } from "../../protocol/formats.ts";
import type { JobSource, ParsedJobRequest } from "../../protocol/http/job-request.ts";
import type { OutputFormat } from "../../protocol/media.ts";
import { refuseQuality } from "../../protocol/quality.ts";
import {
  defaultFormat,
  formatRefusal,
  type RecipeRequest,
  recipes,
  refuseFormat,
} from "../../protocol/recipes/index.ts";
import { inOrder } from "../../protocol/recipes/parts/input-order.ts";
import type { TaskOutput, Work } from "../../protocol/task.ts";

export interface JobSpec {
  readonly work: Work;
  readonly sources: Readonly<Record<string, SpecSource>>;
  readonly outputs: Readonly<Record<string, TaskOutput>>;
  /** Whether the pictures are measured against the source. */
  readonly quality: boolean;
}

export type SpecSource =
  | { readonly kind: "video"; readonly videoId: string }
  | { readonly kind: "url"; readonly url: string };

export type SpecResult =
  | { readonly status: "ok"; readonly spec: JobSpec }
  | {
      readonly status: "refused";
      readonly code: "VALIDATION_ERROR" | "UNSUPPORTED_COMMAND";
      readonly detail: string;
    };

/** A stored or built-in preset, as far as a job needs it. */
export interface SpecPreset {
  readonly recipe: RecipeRequest;
  readonly format: OutputFormat | null;
}

const ONLY_INPUT = "in_1";
const ONLY_OUTPUT = "out_1";

const invalid = (detail: string) =>
  ({ status: "refused", code: "VALIDATION_ERROR", detail }) as const;

function toSource(source: JobSource): SpecSource | null {
  if (source.videoId !== undefined) return { kind: "video", videoId: source.videoId };
  return source.url === undefined ? null : { kind: "url", url: source.url };
}

function readSources(request: ParsedJobRequest): Readonly<Record<string, SpecSource>> | null {
  if (request.videoId !== undefined) {
    return { [ONLY_INPUT]: { kind: "video", videoId: request.videoId } };
  }
  const given: Readonly<Record<string, JobSource>> = request.input
    ? { [ONLY_INPUT]: request.input }
    : (request.input_files ?? {});
  const sources: Record<string, SpecSource> = {};
  for (const [key, source] of Object.entries(given)) {
    const read = toSource(source);
    if (read === null) return null;
    sources[key] = read;
  }
  return sources;
}

type OutputsResult =
  | { readonly status: "ok"; readonly outputs: Readonly<Record<string, TaskOutput>> }
  | ReturnType<typeof invalid>;

/** The one output of `output`, which may name a format, a file, both or nothing. */
function readSingleOutput(request: ParsedJobRequest, fallback: OutputFormat): OutputsResult {
  const { name, format: asked } = request.output ?? {};
  if (name === undefined) {
    const format = asked ?? fallback;
    const filename = `result.${extensionOf[format]}`;
    return { status: "ok", outputs: { [ONLY_OUTPUT]: { filename, format } } };
  }
  const meant = formatOfName(name);
  const format = asked ?? meant;
  if (format === null || meant !== format) {
    return invalid(`output.name must end in .${extensionOf[format ?? fallback]}`);
  }
  return { status: "ok", outputs: { [ONLY_OUTPUT]: { filename: name, format } } };
}

function readOutputs(request: ParsedJobRequest, fallback: OutputFormat): OutputsResult {
  if (request.output_files === undefined) return readSingleOutput(request, fallback);
  const outputs: Record<string, TaskOutput> = {};
  const names = new Set<string>();
  for (const [key, filename] of Object.entries(request.output_files)) {
    const format = formatOfName(filename);
    if (format === null) {
      const endings = Object.values(extensionOf).map((extension) => `.${extension}`);
      return invalid(`output_files.${key} must end in one of ${endings.join(", ")}`);
    }
    // Names that differ only in case are one file to some people's disks.
    const name = filename.toLowerCase();
    if (names.has(name)) return invalid(`output_files.${key} must have a name of its own`);
    names.add(name);
    outputs[key] = { filename, format };
  }
  return { status: "ok", outputs };
}

function readRecipe(
  request: ParsedJobRequest,
  recipe: RecipeRequest,
  presetFormat: OutputFormat | null,
  sources: JobSpec["sources"],
): SpecResult {
  const { inputs } = recipes[recipe.name];
  const count = Object.keys(sources).length;
  if (recipe.name === "concat" && count < inputs.min) {
    return invalid("concat recipe requires input_files with at least two entries");
  }
  if (count < inputs.min || count > inputs.max) {
    const wanted = inputs.min === inputs.max ? inputs.min : `${inputs.min} to ${inputs.max}`;
    return invalid(`input_files must have ${wanted} for ${recipe.name}, and has ${count}`);
  }
  const read = readOutputs(request, presetFormat ?? defaultFormat(recipe.name));
  if (read.status !== "ok") return read;
  const [output, ...others] = Object.entries(read.outputs);
  if (output === undefined || others.length > 0) {
    return invalid(`output_files must have one entry: ${recipe.name} makes one output`);
  }
  const [key, { format }] = output;
  const refusal = refuseFormat(recipe, format);
  if (refusal !== null) {
    const field = request.output_files === undefined ? "output.format" : `output_files.${key}`;
    return invalid(formatRefusal(refusal, field));
  }
  return {
    status: "ok",
    spec: {
      work: { mode: "recipe", recipe },
      sources,
      outputs: read.outputs,
      quality: request.quality,
    },
  };
}

function formatsOf(outputs: JobSpec["outputs"]): Record<string, OutputFormat> {
  return Object.fromEntries(Object.entries(outputs).map(([key, { format }]) => [key, format]));
}

function readCommand(
  request: ParsedJobRequest,
  args: readonly string[],
  sources: JobSpec["sources"],
): SpecResult {
  const read = readOutputs(request, "mp4");
  if (read.status !== "ok") return read;
  const check = checkCommand(args, {
    inputs: Object.keys(sources),
    outputs: formatsOf(read.outputs),
  });
  if (check.status === "refused") {
    return { status: "refused", code: "UNSUPPORTED_COMMAND", detail: check.detail };
  }
  return {
    status: "ok",
    spec: {
      work: { mode: "ffmpeg", args: [...args] },
      sources,
      outputs: read.outputs,
      quality: request.quality,
    },
  };
}

/** Everything that can be said of a request without looking at the videos it names. */
export function readSpec(request: ParsedJobRequest, preset: SpecPreset | null): SpecResult {
  const read = readWork(request, preset);
  if (read.status === "refused" || !read.spec.quality) return read;
  const refusal = refuseQuality(read.spec.work);
  return refusal === null ? read : invalid(refusal);
}

function readWork(request: ParsedJobRequest, preset: SpecPreset | null): SpecResult {
  const sources = readSources(request);
  if (sources === null) return invalid("input.url is required for this recipe");
  if (request.ffmpeg !== undefined) return readCommand(request, request.ffmpeg.args, sources);
  const recipe = request.recipe ?? preset?.recipe;
  if (recipe === undefined) return invalid("recipe, presetId or ffmpeg is required");
  return readRecipe(request, recipe, preset?.format ?? null, sources);
}

/** JSON with its keys in order, so that equal values have equal texts. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`);
  return `{${fields.join(",")}}`;
}

/**
 * What makes two jobs the same work: inputs, mode, recipe with defaults or args, outputs. Args count as what they
 * mean, not as they are written, and so do the keys of inputs and outputs: they say which file is meant where.
 */
export function canonicalSpec(spec: JobSpec): string {
  const { work, sources, outputs, quality } = spec;
  if (work.mode !== "ffmpeg") {
    const named = { sources: numbered("in", sources), outputs: numbered("out", outputs) };
    return canonicalJson({ work, ...named, ...(quality ? { quality } : {}) });
  }
  const check = checkCommand(work.args, {
    inputs: Object.keys(sources),
    outputs: formatsOf(outputs),
  });
  const args = check.status === "ok" ? check.canonical : work.args;
  // A command takes its files in the order in which it names them.
  const named = args.flatMap((arg) => PLACEHOLDER.exec(arg)?.[1] ?? []);
  const keys = new Map([...newKeys("in", sources, named), ...newKeys("out", outputs, named)]);
  return canonicalJson({
    work: {
      mode: work.mode,
      args: args.map((arg) =>
        arg.replace(PLACEHOLDER, (_text, key) => `{{${keys.get(key) ?? key}}}`),
      ),
    },
    sources: numbered("in", sources, named),
    outputs: numbered("out", outputs, named),
  });
}

const PLACEHOLDER = /^\{\{(\w+)\}\}$/;

/** What each key is called when they are numbered: those in `first` in its order, then the others in that of keys. */
function newKeys(
  prefix: "in" | "out",
  files: Readonly<Record<string, unknown>>,
  first: readonly string[] = [],
): readonly (readonly [key: string, newKey: string])[] {
  const known = first.filter((key) => Object.hasOwn(files, key));
  const keys = new Set([...known, ...inOrder(files).map(([key]) => key)]);
  return [...keys].map((key, at) => [key, `${prefix}_${at + 1}`]);
}

function numbered<File>(
  prefix: "in" | "out",
  files: Readonly<Record<string, File>>,
  first: readonly string[] = [],
): Readonly<Record<string, File | undefined>> {
  return Object.fromEntries(
    newKeys(prefix, files, first).map(([key, newKey]) => [newKey, files[key]]),
  );
}
