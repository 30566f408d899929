/** What a plan promised becomes outputs of the task: checked, sent up, reported. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { contentTypeOf } from "../protocol/media.ts";
import type { Plan, PromisedOutput } from "../protocol/plan.ts";
import type { OutputQuality } from "../protocol/quality.ts";
import type { OutputReport, TaskOutput } from "../protocol/task.ts";
import { ABANDONED, fail, type Part, type Work } from "./attempt-parts.ts";
import type { GateResult } from "./ffmpeg/index.ts";
import { type FoundPictures, measureQuality, type RunMeasure } from "./quality/measure-quality.ts";
import type { EngineReport } from "./session-model.ts";
import { uploadOutput } from "./upload.ts";

/** Longest check of one output; while it runs, time counts as movement. */
const CHECK_LIMIT_MS = 10 * 60_000;

/** Files that go up at once; a large one goes in several parts of its own. */
const FILES_AT_ONCE = 3;

/** By the name of a promised file: the files it was cut into, which are delivered in its place. */
export type Cuts = ReadonlyMap<string, readonly string[]>;

/** A plan whose steps all succeeded, and what they left. */
export interface RanPlan {
  readonly plan: Plan;
  readonly cuts: Cuts;
  readonly engine: EngineReport;
}

/** A file that has passed, on its way up. */
interface Checked {
  readonly promise: PromisedOutput;
  /** In the scratch directory. */
  readonly file: string;
  readonly filename: string;
  readonly sizeBytes: number;
  readonly media: OutputReport["media"];
  readonly quality?: OutputQuality;
}

/** What a plan promised, found as promised. */
export interface CheckedOutputs {
  readonly plan: Plan;
  readonly engine: EngineReport;
  readonly files: readonly Checked[];
  readonly pictures: readonly FoundPictures[];
}

/** Every promised file is checked before the first byte of any goes up. */
export async function deliver(
  work: Work,
  plan: Plan,
  cuts: Cuts,
  engine: EngineReport,
  run: RunMeasure,
): Promise<Part<readonly OutputReport[]>> {
  const checked = await checkOutputs(work, { plan, cuts, engine });
  return checked.status === "ended" ? checked : deliverChecked(work, checked.value, run);
}

/** Compares every promised file with its promise. */
export async function checkOutputs(
  work: Work,
  { plan, cuts, engine }: RanPlan,
): Promise<Part<CheckedOutputs>> {
  const files: Checked[] = [];
  const pictures: FoundPictures[] = [];
  for (const promise of plan.outputs) {
    const found = await checkPromise(work, promise, engine);
    if (found.status === "ended") return found;
    const pieces = await piecesOf(work, promise, found.value, cuts.get(promise.file));
    if (pieces === null) {
      const detail = `The segments of '${promise.file}' are not all of it.`;
      return fail(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, engine);
    }
    files.push(...pieces);
    pictures.push(...picturesOf(promise, found.value));
  }
  return { status: "ok", value: { plan, engine, files, pictures } };
}

/** Measures what was lost, where that is asked for, and sends the files up. */
export async function deliverChecked(
  work: Work,
  { plan, engine, files, pictures }: CheckedOutputs,
  run: RunMeasure,
): Promise<Part<readonly OutputReport[]>> {
  if (work.assignment.task.quality !== true) return sendUp(work, files, engine);
  const measured = await measureQuality(work, plan, pictures, engine, run);
  if (measured.status === "ended") return measured;
  return sendUp(work, files.map(withQuality(measured.value)), engine);
}

/** Figures stand with the file that was asked for. */
function withQuality(measured: ReadonlyMap<string, OutputQuality>) {
  return (file: Checked): Checked => {
    const { key, role } = file.promise;
    const quality = role === undefined ? measured.get(key) : undefined;
    return quality === undefined ? file : { ...file, quality };
  };
}

function picturesOf(promise: PromisedOutput, { media, pictures }: Found): FoundPictures[] {
  if (pictures === undefined) return [];
  const { width, height, videoCodec } = media;
  return [{ promise, width, height, videoCodec, ...pictures }];
}

/** The file itself, or what it was cut into: all of it, byte for byte. Null where that is not so. */
async function piecesOf(
  work: Work,
  promise: PromisedOutput,
  { sizeBytes, media }: Found,
  cut: readonly string[] | undefined,
): Promise<readonly Checked[] | null> {
  if (cut === undefined) {
    const filename = promise.role === undefined ? outputOf(work, promise.key).filename : null;
    return [{ promise, file: promise.file, filename: filename ?? promise.file, sizeBytes, media }];
  }
  const pieces: Checked[] = [];
  for (const file of cut) {
    const size = await sizeOf(join(work.workDir, file));
    pieces.push({ promise, file, filename: file, sizeBytes: size, media: pieceMedia(promise) });
  }
  const isWhole = pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0) === sizeBytes;
  return isWhole && pieces.every((piece) => piece.sizeBytes > 0) ? pieces : null;
}

/** A segment is not read on its own. */
function pieceMedia({ format }: PromisedOutput): OutputReport["media"] {
  const unknown = { durationSeconds: null, width: null, height: null, frameRate: null };
  return { format, ...unknown, videoCodec: null, audioCodec: null, bitrateKbps: null };
}

async function sendUp(
  work: Work,
  files: readonly Checked[],
  engine: EngineReport,
): Promise<Part<readonly OutputReport[]>> {
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let sentBytes = 0;
  const onBytes = (count: number) => {
    sentBytes += count;
    work.tracker.addBytes(count);
    work.tracker.delivered(sentBytes / totalBytes);
  };
  const sent = new Map<Checked, OutputReport>();
  const endings: Part<never>[] = [];
  const waiting = [...files];
  const sender = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      if (endings.length > 0) return;
      const done = await sendFile(work, file, engine, onBytes);
      if (done.status === "ended") endings.push(done);
      else sent.set(file, done.value);
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, sender));
  const [ending] = endings;
  if (ending !== undefined) return ending;
  return { status: "ok", value: files.flatMap((file) => sent.get(file) ?? []) };
}

async function sendFile(
  work: Work,
  { promise, file, filename, sizeBytes, media, quality }: Checked,
  engine: EngineReport,
  onBytes: (count: number) => void,
): Promise<Part<OutputReport>> {
  const { key, format, role } = promise;
  const contentType = contentTypeOf[format];
  const path = join(work.workDir, file);
  const upload = { key, filename, contentType, file: path, sizeBytes, onBytes };
  const sent = await uploadOutput(work, upload);
  if (sent.status === "aborted" || work.signal.aborted) return ABANDONED;
  if (sent.status === "failed") {
    const detail = `The output could not be stored: ${sent.detail}`;
    return fail(work, { code: "ENGINE_ERROR", detail, retryable: sent.retryable }, engine);
  }
  const { stored, sha256 } = sent;
  const about = { key, filename, format, ...(role === undefined ? {} : { role }) };
  const measured = quality === undefined ? {} : { quality };
  return {
    status: "ok",
    value: { ...about, contentType, sizeBytes, sha256, stored, media, ...measured },
  };
}

interface Found extends Pick<GateResult & { status: "ok" }, "pictures"> {
  readonly sizeBytes: number;
  readonly media: OutputReport["media"];
}

async function checkPromise(
  work: Work,
  promise: PromisedOutput,
  engine: EngineReport,
): Promise<Part<Found>> {
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
  if (checked.status === "ok") return { status: "ok", value: { ...checked, sizeBytes } };
  const { detail } = checked;
  return fail(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, engine);
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
