/**
 * The edge's own check of what an attempt says it delivered: names and formats are those asked for, uploads are
 * complete, and the objects are there with the size, ETag and checksum reported.
 */
import { chunkFile } from "../../protocol/chunks/chunk-step.ts";
import type { RenditionIndex } from "../../protocol/chunks/contract.ts";
import { companionStem, mayHaveCompanions } from "../../protocol/formats.ts";
import { preludeFile } from "../../protocol/packaging/presentation.ts";
import type { OutputReport, TaskOutput } from "../../protocol/task.ts";
import type { AcceptedOutput } from "../domain/model.ts";
import type { Store, StoredObject } from "../media/store.ts";

export type CheckResult =
  | { readonly status: "ok"; readonly outputs: readonly AcceptedOutput[] }
  | { readonly status: "invalid"; readonly detail: string };

/** Objects looked at together: R2 allows 6 simultaneous connections for one invocation (2026-10). */
const PARALLEL_CHECKS = 6;

/**
 * Checks every reported output under `prefix`, the attempt's own. Idempotent, so that a check that was cut short
 * can be made again. Throws when the store cannot be asked.
 */
export async function checkOutputs(
  store: Store,
  prefix: string,
  promised: Readonly<Record<string, TaskOutput>>,
  reports: readonly OutputReport[],
): Promise<CheckResult> {
  const mismatch = compareWithPromise(promised, reports);
  if (mismatch !== null) return { status: "invalid", detail: mismatch };
  return checkObjects(store, prefix, reports);
}

/** The same for the files of a part of a divided job, which are none of those asked for and are merged later. */
export async function checkParts(
  store: Store,
  prefix: string,
  promised: PartPromise,
  reports: readonly OutputReport[],
): Promise<CheckResult> {
  const mismatch = compareWithPart(promised, reports);
  if (mismatch !== null) return { status: "invalid", detail: mismatch };
  return checkObjects(store, prefix, reports);
}

async function checkObjects(
  store: Store,
  prefix: string,
  reports: readonly OutputReport[],
): Promise<CheckResult> {
  const outputs: AcceptedOutput[] = [];
  for (let at = 0; at < reports.length; at += PARALLEL_CHECKS) {
    const batch = reports.slice(at, at + PARALLEL_CHECKS);
    const checked = await Promise.all(batch.map((report) => checkOutput(store, prefix, report)));
    for (const result of checked) {
      if (result.status === "invalid") return result;
      outputs.push(result.output);
    }
  }
  return { status: "ok", outputs };
}

/** What is wrong with the list of reports, or null. Each output's own file must be there; some bring others along. */
function compareWithPromise(
  promised: Readonly<Record<string, TaskOutput>>,
  reports: readonly OutputReport[],
): string | null {
  const names = new Set<string>();
  for (const report of reports) {
    const { key, filename, format, role } = report;
    const output = promised[key];
    if (output === undefined) return `Output '${key}' was not asked for.`;
    if (names.has(filename)) return `File '${filename}' was reported twice.`;
    names.add(filename);
    if (filename !== output.filename) {
      if (!isCompanion(report, output)) {
        return `Output '${key}' was reported as file '${filename}' instead of '${output.filename}'.`;
      }
    } else if (role !== undefined) {
      return `Output '${key}' was reported as a ${role} of itself.`;
    } else if (format !== output.format) {
      return `Output '${key}' was reported as ${format} instead of ${output.format}.`;
    }
  }
  const missing = Object.entries(promised).find(([, output]) => !names.has(output.filename));
  return missing === undefined ? null : `Output '${missing[0]}' was not reported.`;
}

/** What a part of a divided job has to report. */
export interface PartPromise {
  readonly outputs: Readonly<Record<string, TaskOutput>>;
  /**
   * Of a chunk, the renditions that it makes, how many frames each has, and of which tracks it may bring the beginning;
   * null for the audio.
   */
  readonly pictures: {
    /** The chunk's number. */
    readonly chunk: number;
    readonly renditions: readonly string[];
    readonly frames: number;
    readonly preludes: readonly string[];
  } | null;
}

function compareWithPart(
  { outputs, pictures }: PartPromise,
  reports: readonly OutputReport[],
): string | null {
  const published = new Set(Object.values(outputs).map(({ filename }) => filename));
  const names = new Set<string>();
  const made = new Set<string>();
  for (const { key, filename, role, index, sizeBytes } of reports) {
    if (outputs[key] === undefined) return `Output '${key}' was not asked for.`;
    if (names.has(filename)) return `File '${filename}' was reported twice.`;
    if (published.has(filename)) return `File '${filename}' is the merge's to make.`;
    names.add(filename);
    if (role !== "part" || index === undefined) return `File '${filename}' has no index of a part.`;
    if (
      (index.track === "video") !== (pictures !== null) &&
      !isPrelude(pictures, filename, index)
    ) {
      return `File '${filename}' has a track of ${index.track}.`;
    }
    if (reachesBeyond(index, sizeBytes)) {
      return `File '${filename}' has an index that reaches beyond its ${sizeBytes} bytes.`;
    }
    if (index.track !== "video" || pictures === null) continue;
    if (!pictures.renditions.includes(index.rendition)) {
      return `Rendition '${index.rendition}' was not asked for.`;
    }
    // Playlists name files of many chunks side by side: a name may mean one of them alone.
    const expected = chunkFile(index.rendition, pictures.chunk);
    if (filename !== expected) return `File '${filename}' should be named '${expected}'.`;
    if (made.has(index.rendition)) return `Rendition '${index.rendition}' was made twice.`;
    made.add(index.rendition);
    if (index.samples !== pictures.frames) {
      return `Rendition '${index.rendition}' has ${index.samples} frames instead of ${pictures.frames}.`;
    }
  }
  const missing = pictures?.renditions.find((rendition) => !made.has(rendition));
  return missing === undefined ? null : `Rendition '${missing}' was not made.`;
}

/** Whether a playlist of this index would name bytes that the file, of `size` bytes, does not have. */
function reachesBeyond(index: RenditionIndex, size: number): boolean {
  if (index.track !== "video" && index.track !== "audio") return false;
  const end = index.segments.reduce((sum, [bytes]) => sum + bytes, index.headSize);
  return end > size || index.keyPictures.some(([offset, bytes]) => offset + bytes > size);
}

/** Whether the file is the beginning of a track of sound that a chunk may bring along. */
function isPrelude(
  pictures: PartPromise["pictures"],
  filename: string,
  { track, rendition }: RenditionIndex,
): boolean {
  const isExpected = track === "audio" && pictures?.preludes.includes(rendition);
  return isExpected === true && filename === preludeFile(rendition);
}

/** Files beside the one asked for say what they are, and are named after it. */
function isCompanion({ role, filename }: OutputReport, output: TaskOutput): boolean {
  return (
    role !== undefined &&
    mayHaveCompanions(output.format) &&
    filename.startsWith(companionStem(output.filename))
  );
}

async function checkOutput(
  store: Store,
  prefix: string,
  report: OutputReport,
): Promise<
  | { readonly status: "ok"; readonly output: AcceptedOutput }
  | { readonly status: "invalid"; readonly detail: string }
> {
  const key = `${prefix}${report.filename}`;
  const found = await findObject(store, key, report);
  if (found.status === "invalid") return found;
  const { object } = found;
  const detail = compareObject(object, report);
  if (detail !== null) return { status: "invalid", detail };
  return {
    status: "ok",
    output: {
      name: report.filename,
      key,
      etag: object.etag,
      contentType: report.contentType,
      format: report.format,
      ...(report.role === undefined ? {} : { role: report.role }),
      sizeBytes: report.sizeBytes,
      sha256: report.sha256,
      media: report.media,
      ...(report.quality === undefined ? {} : { quality: report.quality }),
      ...(report.index === undefined ? {} : { index: report.index }),
    },
  };
}

async function findObject(
  store: Store,
  key: string,
  { filename, stored }: OutputReport,
): Promise<
  | { readonly status: "ok"; readonly object: StoredObject }
  | { readonly status: "invalid"; readonly detail: string }
> {
  if (stored.kind === "multipart") {
    const finished = await store.completeMultipart(key, stored.uploadId, stored.parts);
    if (finished.status === "bad_parts") {
      return { status: "invalid", detail: `Upload of '${filename}': ${finished.detail}` };
    }
    // `no_upload` is what completing it again answers: then the object itself must be there.
  }
  const object = await store.head(key);
  return object === null
    ? { status: "invalid", detail: `Output '${filename}' does not exist in the store.` }
    : { status: "ok", object };
}

function compareObject(
  object: StoredObject,
  { filename, sizeBytes, sha256, stored }: OutputReport,
): string | null {
  if (object.size !== sizeBytes) {
    return `Output '${filename}' has ${object.size} bytes in the store, reported were ${sizeBytes}.`;
  }
  if (stored.kind === "single" && object.etag !== stored.etag) {
    return `Output '${filename}' has another ETag in the store than was reported.`;
  }
  if (object.sha256 !== null && object.sha256 !== sha256) {
    return `Output '${filename}' has another checksum in the store than was reported.`;
  }
  return null;
}
