/** `telecine jobs`, `job`, `cancel` and `retry`. */
import type { Command } from "commander";
import { MAX_TIMEOUT_SECONDS } from "../../protocol/http/common.ts";
import { type JobState, jobStates } from "../../protocol/stages.ts";
import { clientFromEnvironment } from "../environment.ts";
import { exitCodes } from "../exit.ts";
import { attemptsText, jobTable, jobText } from "../job-text.ts";
import { firstOf } from "../pages.ts";
import { type JsonOption, paintState, print, withJson } from "../print.ts";
import { oneOf, wholeNumber } from "./options.ts";
import { prepareFolder, saveShown } from "./save.ts";
import { watchShown } from "./watch.ts";

interface JobsOptions extends JsonOption {
  readonly state?: JobState;
  readonly search?: string;
  readonly video?: string;
  readonly limit: number;
}

/** `telecine jobs`: the newest first. */
export function addJobs(program: Command): void {
  const command = program
    .command("jobs")
    .description("list jobs, newest first")
    .option("--state <state>", `one of ${jobStates.join(", ")}`, oneOf("--state", jobStates))
    .option("--video <id>", "jobs of this video")
    .option("--search <text>", "in id, file name, source, recipe, preset and metadata")
    .option("--limit <n>", "how many", wholeNumber("--limit", 1, 10_000), 20);
  withJson(command)
    .addHelpText(
      "after",
      `
Examples:
  telecine jobs --state failed --limit 5
  telecine jobs --json | jq -r '.jobs[] | select(.status == "processing") | .jobId'`,
    )
    .action(async (options: JobsOptions) => {
      const client = clientFromEnvironment(process.env);
      const { state, video, search, limit } = options;
      const filter = {
        ...(state === undefined ? {} : { state }),
        ...(video === undefined ? {} : { videoId: video }),
        ...(search === undefined ? {} : { search }),
      };
      const { items, nextCursor } = await firstOf(limit, async (page) => {
        const answer = await client.listJobs({ ...filter, ...page });
        return { items: answer.jobs, nextCursor: answer.nextCursor };
      });
      print(options, { jobs: items, nextCursor }, () =>
        items.length === 0
          ? "No jobs. telecine transcode FILE --recipe webReady makes one.\n"
          : jobTable(items, Date.now(), paintState),
      );
    });
}

interface JobOptions extends JsonOption {
  readonly follow: boolean;
  readonly attempts: boolean;
  readonly out?: string;
}

/** `telecine job ID`: all of one job, now or when it has ended. */
export function addJob(program: Command): void {
  const command = program
    .command("job")
    .description("show a job: stages, attempts, error, outputs")
    .argument("<id>", "job_...")
    .option("--follow", "until it has ended; exit 4 unless it completed", false)
    .option("--attempts", "with each attempt and the end of its ffmpeg's log", false)
    .option("--out <dir>", "save the outputs there, a playlist with all that it names (waits)");
  withJson(command)
    .addHelpText(
      "after",
      `
Examples:
  telecine job job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA --follow
  telecine job job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA --out done/
  telecine job job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA --attempts    # why did it fail?`,
    )
    .action(async (jobId: string, options: JobOptions) => {
      const client = clientFromEnvironment(process.env);
      if (options.out !== undefined) await prepareFolder(options.out);
      const isWaiting = options.follow || options.out !== undefined;
      const job = await (isWaiting ? watchShown(client, jobId) : client.job(jobId));
      if (options.out !== undefined && job.state === "completed") {
        await saveShown(client, job, options.out);
      }
      const needsAttempts = options.attempts || !options.json;
      const attempts = needsAttempts ? await client.attempts(job.jobId) : [];
      print(
        options,
        options.attempts ? { ...job, attempts } : job,
        () => jobText(job, attempts, Date.now()) + (options.attempts ? attemptsText(attempts) : ""),
      );
      if (isWaiting && job.state !== "completed") process.exitCode = exitCodes.notCompleted;
    });
}

/** `telecine cancel ID`. */
export function addCancel(program: Command): void {
  const command = program
    .command("cancel")
    .description("cancel a job that has not ended")
    .argument("<id>", "job_...");
  withJson(command)
    .addHelpText("after", "\nExample:\n  telecine cancel job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA")
    .action(async (jobId: string, options: JsonOption) => {
      const answer = await clientFromEnvironment(process.env).cancelJob(jobId);
      print(options, answer, () => `${answer.jobId} is cancelled.\n`);
    });
}

/** `telecine retry ID`. */
export function addRetry(program: Command): void {
  const command = program
    .command("retry")
    .description("queue a failed job again, under the same id")
    .argument("<id>", "job_...")
    .option(
      "--timeout <s>",
      "a larger limit, in seconds: what a job needs that ran into its own",
      wholeNumber("--timeout", 1, MAX_TIMEOUT_SECONDS),
    );
  withJson(command)
    .addHelpText(
      "after",
      "\nExample:\n  telecine retry job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA --timeout 3600",
    )
    .action(async (jobId: string, options: JsonOption & { readonly timeout?: number }) => {
      const { timeout } = options;
      const client = clientFromEnvironment(process.env);
      const answer = await client.retryJob(
        jobId,
        timeout === undefined ? {} : { timeoutSeconds: timeout },
      );
      print(
        options,
        answer,
        () =>
          `${answer.jobId} is queued again. telecine job ${answer.jobId} --follow shows how it goes.\n`,
      );
    });
}
