import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { Job, JobRequest } from "../../protocol/http/jobs.ts";
import { TelecineClient } from "../client.ts";
import { bar, LiveLines, showJobOn, sizeText } from "../job-display.ts";
import { watchJob } from "../watch-job.ts";

interface TranscodeOptions {
  readonly recipe: string;
  readonly param: Readonly<Record<string, unknown>>;
  readonly format?: string;
  readonly quality: boolean;
  readonly wait: boolean;
  readonly out?: string;
  readonly json: boolean;
}

/** `telecine transcode FILE`: upload, submit and, with `--wait` or `--out`, follow and fetch. */
export function addTranscode(program: Command): void {
  program
    .command("transcode")
    .description("upload a file and transcode it on the edge at TELECINE_URL with TELECINE_API_KEY")
    .argument("<file>", "the video")
    .requiredOption("--recipe <name>", "what to make of it, e.g. webReady")
    .option("--param <k=v>", "a parameter of the recipe; may be repeated", collectParameter, {})
    .option("--format <format>", "output format, e.g. mp4")
    .option("--quality", "measure PSNR, SSIM and, where the worker can, VMAF", false)
    .option("--wait", "wait until the job has ended; exit 1 unless it completed", false)
    .option("--out <dir>", "save the outputs there (waits)")
    .option("--json", "print the job as JSON on stdout, progress on stderr", false)
    .addHelpText(
      "after",
      "\nExample:\n  telecine transcode talk.mov --recipe resize --param height=720 --out done/",
    )
    .action(async (file: string, options: TranscodeOptions) => {
      const job = await transcode(clientFromEnvironment(process.env), file, options);
      if (options.json) process.stdout.write(`${JSON.stringify(job, null, 2)}\n`);
      if ((options.wait || options.out) && job.state !== "completed") process.exitCode = 1;
    });
}

/** The client that TELECINE_URL and TELECINE_API_KEY describe. */
export function clientFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): TelecineClient {
  const key = environment.TELECINE_API_KEY;
  if (!key) {
    throw new Error(
      "TELECINE_API_KEY is not set. Give it a key of your account; for a local `telecine start` that is the content of .telecine/root-key.",
    );
  }
  return new TelecineClient({ url: environment.TELECINE_URL ?? "http://127.0.0.1:8787", key });
}

/** Collects `k=v`; a value that is a JSON number, boolean or null is taken as one. */
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

async function transcode(
  client: TelecineClient,
  file: string,
  options: TranscodeOptions,
): Promise<Job> {
  const screen = options.json ? process.stderr : process.stdout;
  const lines = new LiveLines(screen);
  const video = await client.uploadFile(file, {
    onProgress: ({ sentBytes, totalBytes, part, parts }) =>
      lines.show(
        "upload",
        `  uploading    ${bar(sentBytes / totalBytes)} ${sizeText(sentBytes)} of ${sizeText(totalBytes)}`,
        part === parts,
      ),
  });
  const queued = await client.createJob({
    videoId: video.videoId,
    recipe: { name: options.recipe, ...options.param },
    ...(options.format ? { output: { format: options.format } } : {}),
    ...(options.quality ? { quality: true } : {}),
  } as JobRequest);
  if (!options.wait && !options.out) {
    lines.end();
    if (!options.json) screen.write(`${queued.jobId}\n`);
    return queued;
  }
  const job = await watchJob(client, queued.jobId, showJobOn(lines));
  lines.end();
  if (job.state === "completed" && options.out) {
    for (const saved of await saveOutputs(client, job, options.out))
      screen.write(`  saved        ${saved}\n`);
  }
  return job;
}

/** Saves each output of a completed job under its own name; answers with the paths. */
export async function saveOutputs(
  client: TelecineClient,
  job: Job,
  folder: string,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const saved: string[] = [];
  for (const output of job.outputs) {
    const target = path.join(folder, path.basename(output.name));
    const answer = await client.send(
      "GET",
      `/v1/jobs/${job.jobId}/outputs/${encodeURIComponent(output.name)}`,
    );
    if (!answer.body) throw new Error(`The edge sent no bytes for ${output.name}.`);
    await pipeline(
      Readable.fromWeb(answer.body as import("node:stream/web").ReadableStream),
      createWriteStream(target),
    );
    saved.push(target);
  }
  return saved;
}
