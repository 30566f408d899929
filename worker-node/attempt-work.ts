/** What an attempt does between its scratch directory and its outcome: probe, plan, run, check, deliver. */
import { createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { contentTypeOf, type SourceInfo } from "../protocol/media.ts";
import type { CopyStep, FfmpegStep, Plan, PromisedOutput } from "../protocol/plan.ts";
import type { OutputReport, TaskOutput } from "../protocol/task.ts";
import type { Assignment, AttemptDeps } from "./attempt.ts";
import type { Inputs } from "./attempt-inputs.ts";
import type { Tracker } from "./attempt-tracker.ts";
import type { EngineFailure } from "./ffmpeg/index.ts";
import { metadataOf } from "./ffmpeg/source-info.ts";
import type { GrantHolder } from "./grants.ts";
import { send } from "./http.ts";
import type { Log } from "./log.ts";
import type { AttemptOutcome, EngineReport } from "./session-model.ts";
import { uploadOutput } from "./upload.ts";

/** An ffmpeg that stands still is killed after this share of the lease's time, so that the agent says so first. */
const STALL_SHARE = 2 / 3;
/** Longest check of one output; while it runs, time counts as movement. */
const CHECK_LIMIT_MS = 10 * 60_000;

export interface Work extends AttemptDeps {
  readonly assignment: Assignment;
  readonly grant: GrantHolder;
  readonly inputs: Inputs;
  readonly tracker: Tracker;
  /** ffmpeg's directory. */
  readonly workDir: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What one part hands to the next, or how the attempt ends. */
type Part<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "ended"; readonly outcome: AttemptOutcome };

const ended = (outcome: AttemptOutcome): Part<never> => ({ status: "ended", outcome });
const ABANDONED = ended({ status: "abandoned" });
const NO_ENGINE: EngineReport = { device: null, encoder: null, exitCode: null, log: [] };

/** The story of an attempt. A stopped one settles as abandoned, from wherever it is. */
export async function performAttempt(work: Work): Promise<AttemptOutcome> {
  const sources = await openAndProbe(work);
  if (sources.status === "ended") return sources.outcome;
  const ran = await planAndRun(work, sources.value);
  if (ran.status === "ended") return ran.outcome;
  const outputs = await deliver(work, ran.value.plan, ran.value.engine);
  if (outputs.status === "ended") return outputs.outcome;
  return { status: "completed", outputs: outputs.value, engine: ran.value.engine };
}

async function openAndProbe(work: Work): Promise<Part<Readonly<Record<string, SourceInfo>>>> {
  const { task } = work.assignment;
  work.tracker.enter("probing");
  const opened = await work.inputs.open(task.inputs);
  if (opened.status === "aborted") return ABANDONED;
  if (opened.status === "no_disk") return ended({ status: "released", reason: "no_disk" });
  if (opened.status === "failed") {
    return fail(work, { ...opened, code: "SOURCE_UNAVAILABLE" }, NO_ENGINE);
  }
  const forPassthrough = task.work.mode === "recipe" && task.work.recipe.name === "webReady";
  const sources: Record<string, SourceInfo> = {};
  for (const [key, input] of work.inputs.entries()) {
    const { url, sizeBytes } = input;
    const probed = await work.engine.probe({ url, sizeBytes, signal: work.signal, forPassthrough });
    if (work.signal.aborted) return ABANDONED;
    if (probed.status === "failed") return fail(work, probed, NO_ENGINE);
    sources[key] = probed.source;
  }
  const [first] = Object.values(sources);
  if (first !== undefined) work.tracker.found(metadataOf(first));
  return { status: "ok", value: sources };
}

/** A plan whose hardware fails is made again without that device, for as long as there is another way. */
async function planAndRun(
  work: Work,
  sources: Readonly<Record<string, SourceInfo>>,
): Promise<Part<{ readonly plan: Plan; readonly engine: EngineReport }>> {
  const { task } = work.assignment;
  const [chosen] = Object.entries(task.outputs);
  if (chosen === undefined) throw new RangeError("The task has no output.");
  const [key, { filename, format }] = chosen;
  const output = { key, file: filename, format };
  const notes: string[] = [];
  let fault: Part<never> | null = null;
  for (;;) {
    work.tracker.enter("planning");
    const encoders = work.devices.encoders();
    const plan = work.plan(task.work, sources, output, encoders);
    if (plan.status === "rejected") {
      return fault ?? fail(work, { ...plan, retryable: false }, NO_ENGINE);
    }
    work.log("info", `plan: ${plan.action}`, { steps: plan.steps.length });
    const ran = await runSteps(work, plan, notes);
    if (ran.status !== "hardware_fault") return ran;
    // Said again by the plan that cannot do without the device.
    fault = ended(ran.outcome);
    work.devices.rest(ran.device);
    work.log("warn", `device ${ran.device} failed and rests; trying without it`);
    notes.push(...ran.notes, `${ran.device} failed; continued without it`);
  }
}

type Ran =
  | Part<{ readonly plan: Plan; readonly engine: EngineReport }>
  | {
      readonly status: "hardware_fault";
      readonly device: string;
      readonly notes: readonly string[];
      readonly outcome: AttemptOutcome;
    };

async function runSteps(work: Work, plan: Plan, notes: readonly string[]): Promise<Ran> {
  work.tracker.planned(plan.steps);
  let engine: EngineReport = { ...NO_ENGINE, log: [...notes] };
  for (const step of plan.steps) {
    work.tracker.beginStep(step);
    if (step.kind === "copy") {
      const copied = await copySource(work, step);
      if (work.signal.aborted) return ABANDONED;
      if (copied !== null) return fail(work, copied, engine);
      continue;
    }
    const ran = await runFfmpeg(work, step);
    if (work.signal.aborted || ran.status === "aborted") return ABANDONED;
    const encoder = step.encoder;
    engine = {
      device: encoder?.device ?? engine.device,
      encoder: encoder?.name ?? engine.encoder,
      exitCode: ran.status === "ok" ? 0 : ran.exitCode,
      log: [...engine.log, ...ran.log],
    };
    if (ran.status === "ok") continue;
    const failed = fail(work, ran, engine);
    if (ran.hardwareFault === null || encoder === null) return failed;
    const { device } = encoder;
    return {
      status: "hardware_fault",
      device,
      notes: ran.log,
      outcome: failed.status === "ended" ? failed.outcome : { status: "abandoned" },
    };
  }
  return { status: "ok", value: { plan, engine } };
}

function runFfmpeg(work: Work, step: FfmpegStep) {
  const { task, ttlMs } = work.assignment;
  const { encoder } = step;
  if (encoder !== null) work.tracker.chose({ device: encoder.device, encoder: encoder.name });
  let patience = 0;
  return work.engine.run(step, {
    inputUrl: (key) => work.inputs.get(key).url,
    scratchDir: work.workDir,
    signal: work.signal,
    ...(work.threads === undefined ? {} : { threads: work.threads }),
    onProgress: work.tracker.stepMoved,
    stallMs: ttlMs * STALL_SHARE,
    movement: () => {
      // An ffmpeg that starves while its source is away does not stall: the source has its own patience.
      if (work.inputs.isAwaited()) patience += 1;
      return work.inputs.bytesServed() + patience;
    },
    maxOutputBytes: task.maxOutputBytes,
  });
}

/** The source's bytes become the output's; null is success. */
async function copySource(work: Work, step: CopyStep): Promise<EngineFailure | null> {
  const input = work.inputs.get(step.source);
  const answer = await send(work.dispatcher, new URL(input.url), {
    method: "GET",
    signal: work.signal,
  });
  const unreadable = {
    code: "SOURCE_UNAVAILABLE",
    detail: "The source broke off.",
    retryable: true,
  } as const;
  if (answer.status !== "answered" || answer.statusCode !== 200) {
    if (answer.status === "answered") answer.body.destroy();
    return unreadable;
  }
  const file = join(work.workDir, step.file);
  try {
    await pipeline(answer.body, createWriteStream(file, { mode: 0o600 }), { signal: work.signal });
    return (await sizeOf(file)) === input.sizeBytes ? null : unreadable;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") throw error;
    return unreadable;
  }
}

/** Every promised output is checked before the first byte of any goes up. */
async function deliver(
  work: Work,
  plan: Plan,
  engine: EngineReport,
): Promise<Part<readonly OutputReport[]>> {
  const checked: { promise: PromisedOutput; sizeBytes: number; media: OutputReport["media"] }[] =
    [];
  for (const promise of plan.outputs) {
    const found = await checkPromise(work, promise, engine);
    if (found.status === "ended") return found;
    checked.push({ promise, ...found.value });
  }
  const totalBytes = checked.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let sentBytes = 0;
  const reports: OutputReport[] = [];
  for (const { promise, sizeBytes, media } of checked) {
    const { key, format } = promise;
    const { filename } = outputOf(work, key);
    const contentType = contentTypeOf[format];
    const sent = await uploadOutput(work, {
      key,
      filename,
      contentType,
      file: join(work.workDir, promise.file),
      sizeBytes,
      onBytes: (count) => {
        sentBytes += count;
        work.tracker.addBytes(count);
        work.tracker.delivered(sentBytes / totalBytes);
      },
    });
    if (sent.status === "aborted" || work.signal.aborted) return ABANDONED;
    if (sent.status === "failed") {
      const detail = `The output could not be stored: ${sent.detail}`;
      return fail(work, { code: "ENGINE_ERROR", detail, retryable: sent.retryable }, engine);
    }
    const { stored, sha256 } = sent;
    reports.push({ key, filename, format, contentType, sizeBytes, sha256, stored, media });
  }
  return { status: "ok", value: reports };
}

async function checkPromise(
  work: Work,
  promise: PromisedOutput,
  engine: EngineReport,
): Promise<Part<{ readonly sizeBytes: number; readonly media: OutputReport["media"] }>> {
  const file = join(work.workDir, promise.file);
  const sizeBytes = await sizeOf(file);
  if (sizeBytes === 0) {
    const detail = `FFmpeg reported success but wrote no '${promise.file}'.`;
    return fail(work, { code: "ENGINE_EMPTY_RESPONSE", detail, retryable: true }, engine);
  }
  work.tracker.setChecking(true);
  const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
  const checked = await work.engine
    .check(file, promise, AbortSignal.any([work.signal, limit]))
    .finally(() => work.tracker.setChecking(false));
  if (work.signal.aborted) return ABANDONED;
  if (checked.status === "ok") return { status: "ok", value: { sizeBytes, media: checked.media } };
  const { detail } = checked;
  return fail(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, engine);
}

/** A failure of the attempt; one that follows from an unreadable source is told as that. */
function fail(work: Work, failure: EngineFailure, engine: EngineReport): Part<never> {
  if (work.signal.aborted) return ABANDONED;
  const stage = work.tracker.stage();
  const source = work.inputs.failure();
  const { code, detail, retryable } =
    source === null ? failure : ({ ...source, code: "SOURCE_UNAVAILABLE" } as const);
  return ended({ status: "failed", stage, code, detail, retryable, engine });
}

function outputOf(work: Work, key: string): TaskOutput {
  const output = Object.entries(work.assignment.task.outputs).find(([name]) => name === key)?.[1];
  if (output === undefined)
    throw new RangeError(`The plan promises an output '${key}' that was not asked for.`);
  return output;
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    (found) => found.size,
    () => 0,
  );
}
