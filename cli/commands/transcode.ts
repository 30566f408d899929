import { type Command, InvalidArgumentError } from "commander";
import { MAX_TIMEOUT_SECONDS } from "../../protocol/http/common.ts";
import type { Job, JobRequest } from "../../protocol/http/jobs.ts";
import { outputFormats } from "../../protocol/media.ts";
import { recipeNames } from "../../protocol/recipes/index.ts";
import { ApiFailure, type TelecineClient } from "../client.ts";
import { clientFromEnvironment } from "../environment.ts";
import { exitCodes, UsageError } from "../exit.ts";
import { print, withJson } from "../print.ts";
import { requireFile } from "../upload.ts";
import { anyLike, wholeNumber } from "./options.ts";
import { prepareFolder, saveShown } from "./save.ts";
import { type UploadFlags, uploadShown, withUploadOptions } from "./upload.ts";
import { watchShown } from "./watch.ts";

interface TranscodeOptions extends UploadFlags {
  readonly recipe?: string;
  readonly preset?: string;
  readonly param: Readonly<Record<string, unknown>>;
  readonly format?: string;
  readonly quality: boolean;
  readonly pool?: string;
  readonly priority?: number;
  readonly timeout?: number;
  readonly webhook?: string;
  readonly wait: boolean;
  readonly out?: string;
  readonly json: boolean;
}

/** `telecine transcode FILE`: upload, submit and, with `--wait` or `--out`, follow and fetch. */
export function addTranscode(program: Command): void {
  const command = program
    .command("transcode")
    .description("upload a file and transcode it on the edge at TELECINE_URL with TELECINE_API_KEY")
    .argument(
      "<file...>",
      "the video; or the id of one that is there (vid_...), or an https:// URL; concat takes several",
    )
    .option(
      "--recipe <name>",
      `what to make of it: ${recipeNames.join(", ")}`,
      anyLike(recipeNames),
    )
    .option(
      "--param <k=v>",
      "a parameter of the recipe, as the edge's /docs lists them; may be repeated",
      collectParameter,
      {},
    )
    .option("--preset <id>", "a stored recipe instead (telecine presets lists them)")
    .option("--format <format>", "output format, e.g. mp4", anyLike(outputFormats))
    .option("--quality", "measure PSNR, SSIM and, where the worker can, VMAF", false)
    .option("--pool <name>", "pool of workers")
    .option("--priority <n>", "-10 to 10, higher first", wholeNumber("--priority", -10, 10))
    .option(
      "--timeout <s>",
      "seconds that it may be worked on, all attempts together",
      wholeNumber("--timeout", 1, MAX_TIMEOUT_SECONDS),
    )
    .option("--webhook <url>", "where its events are sent")
    .option("--wait", "wait until the job has ended; exit 4 unless it completed", false)
    .option("--out <dir>", "save the outputs there, a playlist with all that it names (waits)");
  withJson(withUploadOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  telecine transcode talk.mov --recipe resize --param height=720 --out done/
  telecine transcode talk.mov --preset hls-1080p --wait --json | jq -r '.outputs[0].url'
  telecine transcode intro.mp4 talk.mov --recipe concat --out done/
  job=$(telecine transcode talk.mov --recipe webReady)    # does not wait`,
    )
    .action(async (files: string[], options: TranscodeOptions) => {
      const work = workOf(options);
      requireCount(files, options.recipe);
      const client = clientFromEnvironment(process.env);
      const job = await transcode(client, files, work, options);
      if ((options.wait || options.out !== undefined) && job.state !== "completed") {
        process.exitCode = exitCodes.notCompleted;
      }
    });
}

/** Collects `k=v`; a value that is a JSON number or boolean is taken as one. */
function collectParameter(
  text: string,
  before: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("A parameter is given as name=value.");
  const value = text.slice(at + 1);
  const typed = /^(?:-?\d+(?:\.\d+)?|true|false)$/.test(value) ? JSON.parse(value) : value;
  return { ...before, [text.slice(0, at)]: typed };
}

/** The part of the request that says what to make. */
function workOf({ recipe, preset, param }: TranscodeOptions): Record<string, unknown> {
  if ((recipe === undefined) === (preset === undefined)) {
    throw new UsageError(
      "Say what to make with either --recipe NAME or --preset ID (telecine presets lists those).",
    );
  }
  if (preset === undefined) return { recipe: { name: recipe, ...param } };
  if (Object.keys(param).length > 0) {
    throw new UsageError("--param belongs to --recipe: a preset has its parameters already.");
  }
  return { presetId: preset };
}

/** What is too many or too few is told in the words of the command line, not in those of the request. */
function requireCount(files: readonly string[], recipe: string | undefined): void {
  if (recipe === "concat" && files.length < 2) {
    throw new UsageError("concat joins two files or more: name them in their order.");
  }
  if (recipe !== "concat" && files.length > 1) {
    throw new UsageError(
      `One file at a time, and here are ${files.length}; --recipe concat alone takes several. Quote a name with spaces.`,
    );
  }
}

/** A request without its inputs. */
type Rest = Readonly<Record<string, unknown>> & { readonly output?: { readonly format: string } };

const VIDEO_ID = /^vid_[0-9A-Z]{26}$/;
/** Of the form of an id, and no id: its time is the beginning of 1970. */
const NO_VIDEO = `vid_${"0".repeat(26)}`;

type Input = { readonly url: string } | { readonly videoId: string };

/** What is there already; null for a file. */
function inputOf(file: string): Input | null {
  if (/^https?:\/\//.test(file)) return { url: file };
  return VIDEO_ID.test(file) ? { videoId: file } : null;
}

/** The request for a job of these inputs, in their order. */
function requestOf(inputs: readonly Input[], { output, ...rest }: Rest): JobRequest {
  const [only, ...others] = inputs;
  if (only === undefined || others.length > 0) {
    const named = inputs.map((input, index) => [`in_${index + 1}`, input]);
    const files = output ? { output_files: { out_1: `result.${output.format}` } } : {};
    return { input_files: Object.fromEntries(named), ...files, ...rest } as JobRequest;
  }
  const source = "url" in only ? { input: only } : only;
  return { ...source, ...(output ? { output } : {}), ...rest } as JobRequest;
}

/**
 * Where the job's pictures come from; files are uploaded first. Before that the edge is asked for the same job of a video
 * that cannot be: what it refuses otherwise, it would refuse after the last byte, too.
 */
async function inputsOf(
  client: TelecineClient,
  files: readonly string[],
  rest: Rest,
  flags: UploadFlags,
): Promise<Input[]> {
  const here = files.filter((file) => inputOf(file) === null);
  for (const file of here) await requireFile(file);
  if (here.length > 0) {
    const asked = files.map((file) => inputOf(file) ?? { videoId: NO_VIDEO });
    await client.createJob(requestOf(asked, rest)).catch((error: unknown) => {
      const isOfVideo = error instanceof ApiFailure && error.answer?.code === "VIDEO_NOT_FOUND";
      if (!isOfVideo) throw error;
    });
  }
  const inputs: Input[] = [];
  for (const file of files) {
    inputs.push(inputOf(file) ?? { videoId: (await uploadShown(client, file, flags)).videoId });
  }
  return inputs;
}

async function transcode(
  client: TelecineClient,
  files: readonly string[],
  work: Record<string, unknown>,
  options: TranscodeOptions,
): Promise<Job> {
  const { format, quality, pool, priority, timeout, webhook, out } = options;
  if (out !== undefined) await prepareFolder(out);
  const rest: Rest = {
    ...work,
    ...(format === undefined ? {} : { output: { format } }),
    ...(quality ? { quality: true } : {}),
    ...(pool === undefined ? {} : { pool }),
    ...(priority === undefined ? {} : { priority }),
    ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
    ...(webhook === undefined ? {} : { webhookUrl: webhook }),
  };
  const inputs = await inputsOf(client, files, rest, options);
  // What is wrong with names and values the edge says better: it knows its recipes.
  const queued = await client.createJob(requestOf(inputs, rest));
  if (!options.wait && out === undefined) {
    print(options, queued, () => `${queued.jobId}\n`);
    return queued;
  }
  const job = await watchShown(client, queued.jobId);
  const isSaved = job.state === "completed" && out !== undefined;
  const saved = isSaved ? await saveShown(client, job, out) : [];
  const names = isSaved ? saved : job.outputs.map(({ url }) => url);
  print(options, job, () => [job.jobId, ...names].map((line) => `${line}\n`).join(""));
  return job;
}
