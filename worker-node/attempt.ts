/**
 * One attempt, from its lease to what the edge hears of it: open the inputs, probe, plan, run the steps, check
 * the outputs, send them up. It can be stopped at any moment; when it settles, its processes are dead and its
 * scratch is gone.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dispatcher } from "undici";
import type { ChunkPlan } from "../protocol/chunks/contract.ts";
import type { EdgeMessageOf, Grant } from "../protocol/messages.ts";
import type { planTask } from "../protocol/plan-task.ts";
import { createInputs } from "./attempt-inputs.ts";
import { startTracker } from "./attempt-tracker.ts";
import { performAttempt } from "./attempt-work.ts";
import type { Devices } from "./devices.ts";
import type { Engine } from "./engine.ts";
import type { FetchGuard } from "./fetch-guard.ts";
import { createGrantHolder } from "./grants.ts";
import { describeError } from "./http.ts";
import type { Log } from "./log.ts";
import type { AttemptDir, Scratch } from "./scratch.ts";
import { type AttemptOutcome, type AttemptReport, NO_ENGINE } from "./session-model.ts";
import type { SourceServer } from "./source/server.ts";

/** Free space that has to be left beside an output as large as the inputs. */
const DISK_RESERVE_BYTES = 256 * 1024 * 1024;
/** `setTimeout` fires at once beyond this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export type Assignment = EdgeMessageOf<"lease">;

export interface AttemptDeps {
  readonly engine: Engine;
  readonly devices: Devices;
  /** Of this machine: attempts that run at the same time share them. */
  readonly cores: number;
  /** Threads for this attempt's ffmpeg; its own choice when absent. */
  readonly threads?: number;
  readonly plan: typeof planTask;
  readonly server: SourceServer;
  readonly guard: FetchGuard;
  readonly dispatcher: Dispatcher;
  readonly edgeUrl: URL;
  readonly scratch: Scratch;
  readonly maxInputBytes: number;
  /** What an attempt may write on this machine; null: what its task allows. */
  readonly maxOutputBytes: number | null;
}

export interface Attempt {
  /** Never rejects. */
  readonly ended: Promise<AttemptOutcome>;
  readonly renew: (grant: Grant) => void;
  /** The division that it proposed was refused: it goes on with the whole. */
  readonly decline: () => void;
  /** What is left of the run's limit, from now; it only ends the attempt, the edge declares the timeout. */
  readonly limit: (runLimitMs: number) => void;
  readonly stop: (reason: string) => void;
}

/** What an attempt says while it runs. */
export interface AttemptVoice {
  readonly report: (report: AttemptReport) => void;
  /** Asks whether the work shall be divided; the answer is `stop` or `decline`. */
  readonly propose: (plan: ChunkPlan) => void;
}

/** Begins at once and speaks until it has ended. */
export function startAttempt(
  deps: AttemptDeps,
  assignment: Assignment,
  voice: AttemptVoice,
  log: Log,
): Attempt {
  const stopped = new AbortController();
  const grant = createGrantHolder(assignment.grant);
  const { promise: declined, resolve: decline } = Promise.withResolvers<void>();
  const aborted = new Promise<void>((resolve) => {
    stopped.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  let limitTimer: NodeJS.Timeout | undefined;
  const limit = (runLimitMs: number) => {
    clearTimeout(limitTimer);
    limitTimer = setTimeout(() => stopped.abort(), Math.min(runLimitMs, MAX_TIMER_MS));
  };
  limit(assignment.runLimitMs);

  const run = async (): Promise<AttemptOutcome> => {
    if (!(await hasRoom(deps.scratch, assignment)))
      return { status: "released", reason: "no_disk" };
    const { taskId, epoch } = assignment.lease;
    const dir = await deps.scratch.createAttemptDir(`${taskId}-${epoch}`);
    try {
      return await runIn(dir);
    } finally {
      await dir.remove().catch((error) => log("error", `scratch stays: ${describeError(error)}`));
    }
  };

  const runIn = async (dir: AttemptDir): Promise<AttemptOutcome> => {
    // Apart from ffmpeg's directory, whose size is what ffmpeg wrote.
    const stagingDir = join(dir.path, "inputs");
    const workDir = join(dir.path, "work");
    await mkdir(stagingDir, { mode: 0o700 });
    await mkdir(workDir, { mode: 0o700 });
    const inputs = createInputs({
      ...deps,
      grant,
      stagingDir,
      signal: stopped.signal,
      onBytes: (count) => tracker.addBytes(count),
    });
    const tracker = startTracker({
      scratchDir: workDir,
      bytesServed: inputs.bytesServed,
      onReport: (report) => {
        if (!stopped.signal.aborted) voice.report(report);
      },
    });
    try {
      return await performAttempt({
        ...deps,
        assignment,
        grant,
        inputs,
        tracker,
        workDir,
        signal: stopped.signal,
        log,
        propose: (plan) => {
          voice.propose(plan);
          return Promise.race([declined, aborted]);
        },
      });
    } finally {
      tracker.stop();
      inputs.close();
    }
  };

  const ended = run()
    // What was stopped may end in any error: that is no fault to report.
    .catch(
      (error): AttemptOutcome =>
        stopped.signal.aborted ? { status: "abandoned" } : unexpected(error, log),
    )
    .then((outcome): AttemptOutcome => {
      clearTimeout(limitTimer);
      return stopped.signal.aborted ? { status: "abandoned" } : outcome;
    });
  return { ended, renew: grant.renew, decline, limit, stop: () => stopped.abort() };
}

function unexpected(error: unknown, log: Log): AttemptOutcome {
  if (error instanceof Error && "code" in error && error.code === "ENOSPC") {
    return { status: "released", reason: "no_disk" };
  }
  const detail = `The agent failed: ${describeError(error)}`;
  log("error", error instanceof Error ? (error.stack ?? detail) : detail);
  return {
    status: "failed",
    stage: "probing",
    code: "ENGINE_ERROR",
    detail,
    retryable: true,
    engine: NO_ENGINE,
  };
}

/** Whether scratch has room for outputs as large as the inputs, or as large as outputs may be. */
async function hasRoom(scratch: Scratch, { task }: Assignment): Promise<boolean> {
  const inputBytes = Object.values(task.inputs).reduce(
    (sum, input) => sum + (input.kind === "video" ? input.sizeBytes : 0),
    0,
  );
  const needed = DISK_RESERVE_BYTES + Math.min(inputBytes, task.maxOutputBytes);
  return (await scratch.freeBytes()) >= needed;
}
