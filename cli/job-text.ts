/** Jobs as people read them: a row of a list, and a page of its own. Pure. */
import type { Attempt, Job, Output } from "../protocol/http/jobs.ts";
import { agoText } from "./duration-text.ts";
import { sizeText, stageLine } from "./job-display.ts";
import { fields, type Paint, plain, table } from "./table.ts";

/** What a job makes: its preset, its recipe, or the client's own arguments. */
function workName({ presetId, recipe, mode }: Job): string {
  if (presetId !== null) return presetId;
  return typeof recipe?.name === "string" ? recipe.name : mode;
}

function sourceName({ videoId, inputs }: Job): string {
  const [first] = Object.values(inputs);
  return videoId ?? first?.url ?? "-";
}

/** The list of `telecine jobs`. */
export function jobTable(jobs: readonly Job[], now: number, paint?: Paint): string {
  const rows = jobs.map((job) => [
    job.jobId,
    job.state,
    `${job.progress.toFixed(0)} %`,
    workName(job),
    sourceName(job),
    agoText(job.createdAt, now),
  ]);
  return table(["JOB", "STATE", "DONE", "WORK", "SOURCE", "CREATED"], rows, paint);
}

/** `mp4 h264 1280x720, 12.00 s, 3.20 MB`. */
function outputText(output: Output): string {
  const { format, videoCodec, audioCodec, width, height, durationSeconds, size } = output;
  const size2d = width === null || height === null ? null : `${width}x${height}`;
  const made = [format, videoCodec, size2d, audioCodec].filter((part) => part !== null).join(" ");
  const length = durationSeconds === null ? [] : [`${durationSeconds.toFixed(2)} s`];
  return [made, ...length, sizeText(size)].join(", ");
}

/** The page of `telecine job`; `attempts` are those that were made, oldest first. */
export function jobText(job: Job, attempts: readonly Attempt[], now: number): string {
  const retries = job.error?.retryable ? ` (telecine retry ${job.jobId} may help)` : "";
  const head = fields([
    ["job", job.jobId],
    ["state", job.state === "queued" ? "queued, waiting for a worker" : job.state],
    ["work", workName(job)],
    ["source", sourceName(job)],
    ["pool", `${job.pool}, priority ${job.priority}`],
    ["created", `${job.createdAt}, ${agoText(job.createdAt, now)}`],
    ["attempt", job.attempt === 0 ? null : `${job.attempt} of ${job.maxAttempts}, run ${job.run}`],
    ["error", job.error === null ? null : `${job.error.code}: ${job.error.detail}${retries}`],
  ]);
  const stages = job.stages.map((stage) => `${plain(stageLine(stage, attempts))}\n`);
  const outputs = job.outputs.map(
    (output) => `\n  ${plain(output.name)}  ${plain(outputText(output))}\n  ${plain(output.url)}\n`,
  );
  return [
    head,
    ...(stages.length === 0 ? [] : ["\nStages\n", ...stages]),
    ...(outputs.length === 0 ? [] : ["\nOutputs", ...outputs]),
  ].join("");
}

/** Each attempt, why it ended, and the last lines of its ffmpeg. */
export function attemptsText(attempts: readonly Attempt[]): string {
  const blocks = attempts.map((attempt) => {
    const { taskId, kind, run, epoch, workerName, device, encoder, state, error } = attempt;
    const by = encoder === null ? workerName : `${workerName}, ${encoder} on ${device ?? "cpu"}`;
    return [
      `\n${plain(`${taskId} (${kind}) run ${run}, epoch ${epoch}: ${state}, by ${by}`)}\n`,
      ...(error === null ? [] : [`  ${plain(`${error.code}: ${error.detail}`)}\n`]),
      ...attempt.log.map((line) => `  | ${plain(line)}\n`),
    ].join("");
  });
  return blocks.length === 0 ? "\nNo attempts yet.\n" : `\nAttempts${blocks.join("")}`;
}
