/** What a plan promised becomes outputs of the task: checked, sent up, reported. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { contentTypeOf } from "../protocol/media.ts";
import type { Plan, PromisedOutput } from "../protocol/plan.ts";
import type { OutputReport, TaskOutput } from "../protocol/task.ts";
import { ABANDONED, fail, type Part, type Work } from "./attempt-parts.ts";
import type { ListedFile } from "./ffmpeg/index.ts";
import { type Judged, judgeOutputs } from "./judge-outputs.ts";
import type { AttemptOutcome, EngineReport } from "./session-model.ts";
import { type UploadResult, uploadOutput } from "./upload.ts";

/** Files that go up at once; a large one goes in several parts of its own. */
const FILES_AT_ONCE = 3;

/** By the name of a promised file: the files it was cut into, which are delivered in its place. */
export type Cuts = ReadonlyMap<string, readonly string[]>;

/** A plan whose steps all succeeded, and what they left. */
export interface RanPlan {
  readonly plan: Plan;
  readonly cuts: Cuts;
  readonly engine: EngineReport;
  /** By the name of a promised file, what is known of it without reading it back. */
  readonly listed?: ReadonlyMap<string, ListedFile>;
  /** Of files that were checked already, what was found. */
  readonly judged?: Judged;
}

/** What is reported of an attempt that completed. */
export type Delivered = Omit<AttemptOutcome & { readonly status: "completed" }, "status">;

/** How the attempt ends when its outputs are delivered, or were not. */
export function completed(delivered: Part<Delivered>): AttemptOutcome {
  return delivered.status === "ok"
    ? { status: "completed", ...delivered.value }
    : delivered.outcome;
}

/**
 * `checked_first`: what is refused may be made again under the same names, so nothing goes up before. Otherwise files go
 * up while they are checked: nobody sees them before the attempt has completed, and those of one that fails are removed.
 */
export type DeliveryOrder = "at_once" | "checked_first";

/** A file that goes up: a promised one, or what one was cut into. */
interface Piece {
  readonly promise: PromisedOutput;
  /** In the scratch directory. */
  readonly file: string;
  readonly filename: string;
  readonly sizeBytes: number;
  readonly isCut: boolean;
}

type Sent = Extract<UploadResult, { status: "ok" }>;

/** Checks all that the plan promised, and sends it up. */
export async function deliver(
  work: Work,
  ran: RanPlan,
  order: DeliveryOrder = "at_once",
): Promise<Part<Delivered>> {
  const { engine } = ran;
  const listed = await listPieces(work, ran);
  if (listed.status === "ended") return listed;
  const pieces = listed.value;
  if (order === "checked_first") {
    const judged = await judgeOutputs(work, ran);
    if (judged.status === "ended") return judged;
    const sent = await sendUp(work, pieces, engine);
    return sent.status === "ended" ? sent : reported(pieces, sent.value, judged.value, engine);
  }
  const both = await untilOneEnds(
    work,
    (stoppable) => judgeOutputs(stoppable, ran),
    (stoppable) => sendUp(stoppable, pieces, engine),
  );
  if (both.status === "ended") return both;
  const [judged, sent] = both.value;
  return reported(pieces, sent, judged, engine);
}

/** Does two things at once; whichever ends the attempt stops the other, which is waited for. */
async function untilOneEnds<A, B>(
  work: Work,
  one: (stoppable: Work) => Promise<Part<A>>,
  other: (stoppable: Work) => Promise<Part<B>>,
): Promise<Part<readonly [A, B]>> {
  const stop = new AbortController();
  const stoppable = { ...work, signal: AbortSignal.any([work.signal, stop.signal]) };
  const endings: Part<never>[] = [];
  const orStop = async <T>(part: Promise<Part<T>>): Promise<Part<T>> => {
    try {
      const done = await part;
      if (done.status === "ended") {
        endings.push(done);
        stop.abort();
      }
      return done;
    } catch (error) {
      if (stoppable.signal.aborted) return ABANDONED;
      stop.abort();
      throw error;
    }
  };
  const [a, b] = await Promise.allSettled([orStop(one(stoppable)), orStop(other(stoppable))]);
  if (a.status === "rejected") throw a.reason;
  if (b.status === "rejected") throw b.reason;
  if (work.signal.aborted) return ABANDONED;
  const [first] = endings;
  if (first !== undefined) return first;
  if (a.value.status === "ended") return a.value;
  if (b.value.status === "ended") return b.value;
  return { status: "ok", value: [a.value.value, b.value.value] };
}

/** What goes up, in the plan's order. */
async function listPieces(
  work: Work,
  { plan, cuts, engine }: RanPlan,
): Promise<Part<readonly Piece[]>> {
  const pieces: Piece[] = [];
  for (const promise of plan.outputs) {
    const sizeBytes = await sizeOf(join(work.workDir, promise.file));
    if (sizeBytes === 0) {
      const detail = `FFmpeg reported success but wrote no '${promise.file}'.`;
      return fail(work, { code: "ENGINE_EMPTY_RESPONSE", detail, retryable: true }, engine);
    }
    const found = await piecesOf(work, promise, sizeBytes, cuts.get(promise.file));
    if (found === null) {
      const detail = `The segments of '${promise.file}' are not all of it.`;
      return fail(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, engine);
    }
    pieces.push(...found);
  }
  return { status: "ok", value: pieces };
}

/** The file itself, or what it was cut into: all of it, byte for byte. Null where that is not so. */
async function piecesOf(
  work: Work,
  promise: PromisedOutput,
  sizeBytes: number,
  cut: readonly string[] | undefined,
): Promise<readonly Piece[] | null> {
  if (cut === undefined) {
    const filename = promise.role === undefined ? outputOf(work, promise.key).filename : null;
    const { file } = promise;
    return [{ promise, file, filename: filename ?? file, sizeBytes, isCut: false }];
  }
  const pieces: Piece[] = [];
  for (const file of cut) {
    const size = await sizeOf(join(work.workDir, file));
    pieces.push({ promise, file, filename: file, sizeBytes: size, isCut: true });
  }
  const isWhole = pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0) === sizeBytes;
  return isWhole && pieces.every((piece) => piece.sizeBytes > 0) ? pieces : null;
}

async function sendUp(
  work: Work,
  pieces: readonly Piece[],
  engine: EngineReport,
): Promise<Part<ReadonlyMap<Piece, Sent>>> {
  const totalBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let sentBytes = 0;
  const onBytes = (count: number) => {
    sentBytes += count;
    work.tracker.addBytes(count);
    work.tracker.delivered(sentBytes / totalBytes);
  };
  const sent = new Map<Piece, Sent>();
  const endings: Part<never>[] = [];
  const waiting = [...pieces];
  const sender = async () => {
    for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) {
      if (endings.length > 0) return;
      const done = await sendPiece(work, piece, engine, onBytes);
      if (done.status === "ended") endings.push(done);
      else sent.set(piece, done.value);
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, sender));
  return endings[0] ?? { status: "ok", value: sent };
}

async function sendPiece(
  work: Work,
  { promise, file, filename, sizeBytes }: Piece,
  engine: EngineReport,
  onBytes: (count: number) => void,
): Promise<Part<Sent>> {
  const { key, format } = promise;
  const path = join(work.workDir, file);
  const contentType = contentTypeOf[format];
  const sent = await uploadOutput(work, {
    key,
    filename,
    contentType,
    file: path,
    sizeBytes,
    onBytes,
  });
  if (sent.status === "aborted" || work.signal.aborted) return ABANDONED;
  if (sent.status === "ok") return { status: "ok", value: sent };
  const detail = `The output could not be stored: ${sent.detail}`;
  return fail(work, { code: "ENGINE_ERROR", detail, retryable: sent.retryable }, engine);
}

function reported(
  pieces: readonly Piece[],
  sent: ReadonlyMap<Piece, Sent>,
  judged: Judged,
  engine: EngineReport,
): Part<Delivered> {
  const outputs = pieces.flatMap((piece): OutputReport[] => {
    const { promise, filename, sizeBytes, isCut } = piece;
    const up = sent.get(piece);
    const found = judged.get(promise.file);
    if (up === undefined || found === undefined) return [];
    const { key, format, role } = promise;
    const about = { key, filename, format, ...(role === undefined ? {} : { role }) };
    const { stored, sha256 } = up;
    const bytes = { contentType: contentTypeOf[format], sizeBytes, sha256, stored };
    return [{ ...about, ...bytes, ...(isCut ? { media: pieceMedia(promise) } : found) }];
  });
  return { status: "ok", value: { outputs, engine } };
}

/** A segment is not read on its own. */
function pieceMedia({ format }: PromisedOutput): OutputReport["media"] {
  const unknown = { durationSeconds: null, width: null, height: null, frameRate: null };
  return { format, ...unknown, videoCodec: null, audioCodec: null, bitrateKbps: null };
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
