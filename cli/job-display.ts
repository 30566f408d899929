/** How a job's way is shown: one line a stage, rewritten while it runs where that can be done. */
import type { Attempt, Job } from "../protocol/http/jobs.ts";
import { type LiveLines, type Look, PLAIN_LOOK, progressText } from "./live-lines.ts";
import { plain } from "./table.ts";

/** Bytes as people read them, in powers of 1,000. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** One line for where a job is now. */
function jobLine(job: Job, look: Look = PLAIN_LOOK): string {
  const label = job.state.padEnd(12);
  if (job.state === "queued") return `  ${label} waiting for a worker`;
  if (job.error) return `  ${label} ${job.error.code}: ${plain(job.error.detail)}`;
  const details = [
    ...(job.fps ? [`${Math.round(job.fps)} fps`] : []),
    ...(job.speed ? [`${job.speed.toFixed(1)}x`] : []),
  ];
  return progressText(job.state, job.progress / 100, details, look);
}

/** A file or a pipe gets a line for each quarter of the way; a terminal is always up to date. */
const QUARTER_PERCENT = 25;

/** Shows a job as it changes. Give it each state that the job is seen in. */
export function showJobOn(lines: LiveLines): (job: Job) => void {
  let state = "";
  let quarter = 0;
  return (job) => {
    const reached = Math.floor(job.progress / QUARTER_PERCENT);
    const isNews = job.state !== state || reached !== quarter;
    lines.show(job.state, jobLine(job, lines.look), isNews);
    state = job.state;
    quarter = reached;
  };
}

function tookSeconds({ startedAt, completedAt }: Job["stages"][number]): number | null {
  if (!startedAt || !completedAt) return null;
  return (Date.parse(completedAt) - Date.parse(startedAt)) / 1000;
}

/** Those whose work counts: of the last run, the accepted ones, or the very last where none was. */
function countedOf(attempts: readonly Attempt[]): readonly Attempt[] {
  const last = attempts.at(-1);
  if (last === undefined) return [];
  const accepted = attempts.filter(({ run, state }) => run === last.run && state === "completed");
  return accepted.length === 0 ? [last] : accepted;
}

/** ` by gpu-1, gpu-2`: each once, or nothing where there is nobody to name. */
function byWhom(attempts: readonly Attempt[]): string {
  const names = [...new Set(attempts.map(({ workerName }) => workerName))];
  return names.length === 0 ? "" : ` by ${names.join(", ")}`;
}

/** What makes pictures in the last run: its parts where it was divided, for what divided it encoded nothing. */
function encodersOf(attempts: readonly Attempt[]): readonly Attempt[] {
  const run = attempts.at(-1)?.run;
  const chunks = attempts.filter((each) => each.run === run && each.kind === "chunk");
  return chunks.length > 0 ? chunks : countedOf(attempts).filter(({ kind }) => kind === "whole");
}

/** What was done in a stage, for people; while the job still runs, what is known of it by then. */
function deedOf(stage: Job["stages"][number]["name"], attempts: readonly Attempt[]): string | null {
  const counted = countedOf(attempts);
  const makers = counted.filter(({ kind }) => kind !== "merge");
  switch (stage) {
    case "probing":
      return `source read${byWhom(makers.slice(0, 1))}`;
    case "planning": {
      const encoders = encodersOf(attempts);
      const known = encoders.find(({ encoder }) => encoder !== null);
      if (known !== undefined) return `encode with ${known.encoder} on ${known.device ?? "cpu"}`;
      const isKept = encoders.some(({ kind, state }) => kind === "whole" && state === "completed");
      return isKept ? "no need to encode: the streams are kept" : null;
    }
    case "segmenting": {
      // Parts that nobody has taken up yet have no attempts: all are known once they are merged.
      const isMerging = counted.some(({ kind }) => kind === "merge");
      const chunks = makers.filter(({ kind }) => kind === "chunk").length;
      return isMerging ? `cut into ${chunks} chunks` : "cut into chunks";
    }
    case "transcoding":
      return `written, read back, checked and sent up${byWhom(makers)}`;
    case "merging":
      return `joined${byWhom(counted.filter(({ kind }) => kind === "merge"))}`;
  }
}

/** One line for a stage that is over; `attempts` are the job's, oldest first. */
export function stageLine(stage: Job["stages"][number], attempts: readonly Attempt[]): string {
  const took = tookSeconds(stage);
  const deed = stage.state === "completed" ? deedOf(stage.name, attempts) : null;
  const parts = [
    `  ${stage.name.padEnd(12)} ${stage.state}`,
    ...(took === null ? [] : [` in ${took.toFixed(2)} s`]),
    ...(deed === null ? [] : [`: ${deed}`]),
  ];
  return parts.join("");
}
