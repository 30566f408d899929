/**
 * Sends a file in parts: several at a time, each again where a line breaks, and not again what
 * has arrived. Where the bytes come from and how a part is sent are the caller's: the command reads a file and
 * uses `fetch`, the dashboard slices a `File` and uses what can tell how far a part has come.
 */
import type { CreateUpload, UploadedPart } from "../protocol/http/uploads.ts";
import type { Video } from "../protocol/http/videos.ts";
import type { ApiClient } from "./client.ts";
import { failureOf, mayPass } from "./failure.ts";

export interface FileSource {
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  /** The bytes from `start` up to, not including, `end`. */
  slice(start: number, end: number): Promise<Blob | Uint8Array<ArrayBuffer>>;
}

export interface PartRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Blob | Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
  /** Bytes of this part that have left so far. */
  readonly onSent: (bytes: number) => void;
}

export interface PartAnswer {
  readonly status: number;
  readonly etag: string | null;
  readonly text: string;
}

/** Puts one part; rejects only where there was no answer. */
export type SendPart = (request: PartRequest) => Promise<PartAnswer>;

/** What is known of an upload that a client began before; kept, it lets another page or process go on with it. */
export interface BegunUpload {
  readonly uploadId: string;
  readonly partSize: number;
  readonly partCount: number;
  readonly mode: "proxied" | "direct";
  /** Parts that were acknowledged. */
  readonly parts: readonly UploadedPart[];
}

export interface SendFileOptions {
  readonly sendPart: SendPart;
  /** Goes on with this upload instead of beginning one. */
  readonly begun?: BegunUpload;
  readonly metadata?: CreateUpload["metadata"];
  /** Parts under way at once. */
  readonly concurrency?: number;
  /** Stops it; what has arrived stays, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The upload has begun, or a part more has arrived. */
  readonly onState?: (upload: BegunUpload) => void;
  /** Bytes that have arrived, and those under way. */
  readonly onSent?: (bytes: number) => void;
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const DEFAULT_CONCURRENCY = 3;
/** A part is tried for about two minutes: a router's restart, a laptop's short sleep. */
const MAX_TRIES = 9;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Sends what has not arrived yet, and completes the upload.
 *
 * @returns the video.
 * @throws ApiFailure where the edge refuses, the last failure where a part could not be sent, and the signal's
 * reason when it was stopped.
 */
export async function sendFile(
  client: ApiClient,
  source: FileSource,
  options: SendFileOptions,
): Promise<Video> {
  const upload = await beginOrResume(client, source, options);
  const parts = await sendMissing(client, source, upload, options);
  const listed = parts
    .map(({ partNumber, etag }) => ({ partNumber, etag }))
    .sort((a, b) => a.partNumber - b.partNumber);
  return client.completeUpload(upload.uploadId, listed, options.signal);
}

async function beginOrResume(
  client: ApiClient,
  source: FileSource,
  { begun, metadata, signal, onState }: SendFileOptions,
): Promise<BegunUpload> {
  if (begun === undefined) {
    const { filename, size } = source;
    const request = { filename, size, ...(metadata === undefined ? {} : { metadata }) };
    const upload: BegunUpload = { ...(await client.createUpload(request)), parts: [] };
    onState?.(upload);
    return upload;
  }
  const known = await client.upload(begun.uploadId, signal);
  if (known.size !== source.size)
    throw new Error("This is not the file that the upload began with. Begin a new upload for it.");
  // Of a direct upload only the store knows the parts, and the client that was told their ETags.
  return { ...begun, parts: known.mode === "direct" ? begun.parts : known.parts };
}

async function sendMissing(
  client: ApiClient,
  source: FileSource,
  upload: BegunUpload,
  options: SendFileOptions,
): Promise<readonly UploadedPart[]> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const done = new Map(upload.parts.map((part) => [part.partNumber, part]));
  const underWay = new Map<number, number>();
  const tell = () => {
    let bytes = 0;
    for (const part of done.values()) bytes += part.size;
    for (const sent of underWay.values()) bytes += sent;
    options.onSent?.(bytes);
  };
  tell();
  const missing: number[] = [];
  for (let n = upload.partCount; n >= 1; n--) if (!done.has(n)) missing.push(n);

  const sendInTurn = async () => {
    for (let n = missing.pop(); n !== undefined; n = missing.pop()) {
      const partNumber = n;
      const part = await sendOnePart(client, source, upload, partNumber, {
        ...options,
        signal,
        onSent: (bytes) => {
          underWay.set(partNumber, bytes);
          tell();
        },
      });
      underWay.delete(partNumber);
      done.set(partNumber, part);
      options.onState?.({ ...upload, parts: [...done.values()] });
      tell();
    }
  };
  const lanes = Array.from({ length: options.concurrency ?? DEFAULT_CONCURRENCY }, sendInTurn);
  try {
    await Promise.all(lanes);
  } catch (error) {
    // The other lanes end before this does, so that nothing is sent after it.
    stop.abort();
    await Promise.allSettled(lanes);
    throw error;
  }
  return [...done.values()];
}

async function sendOnePart(
  client: ApiClient,
  source: FileSource,
  upload: BegunUpload,
  partNumber: number,
  options: SendFileOptions & {
    readonly signal: AbortSignal;
    readonly onSent: (bytes: number) => void;
  },
): Promise<UploadedPart> {
  const { signal } = options;
  const start = (partNumber - 1) * upload.partSize;
  const end = Math.min(start + upload.partSize, source.size);
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    const result = await tryPart(client, source, upload, { partNumber, start, end }, options);
    if (result.status === "sent") return { partNumber, etag: result.etag, size: end - start };
    if (tries >= MAX_TRIES || result.status === "refused") throw result.error;
    options.onSent(0);
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
    await (options.wait ?? waitFor)(pause, signal);
  }
}

type Tried =
  | { readonly status: "sent"; readonly etag: string }
  | { readonly status: "refused" | "broken"; readonly error: unknown };

async function tryPart(
  client: ApiClient,
  source: FileSource,
  upload: BegunUpload,
  part: { readonly partNumber: number; readonly start: number; readonly end: number },
  options: Pick<SendFileOptions, "sendPart"> & {
    readonly signal: AbortSignal;
    readonly onSent: (bytes: number) => void;
  },
): Promise<Tried> {
  try {
    const target = await partTarget(client, upload, part.partNumber, options.signal);
    const body = await source.slice(part.start, part.end);
    const answer = await options.sendPart({ ...target, body, ...options });
    if (answer.status < 200 || answer.status > 299) throw failureOf(answer.status, answer.text);
    const etag = etagIn(answer.text) ?? answer.etag;
    if (etag === null) return { status: "refused", error: new Error(NO_ETAG) };
    return { status: "sent", etag };
  } catch (error) {
    options.signal.throwIfAborted();
    return { status: mayPass(error) ? "broken" : "refused", error };
  }
}

const NO_ETAG = "The store answered without an ETag: its CORS rules must expose that header.";

function etagIn(text: string): string | null {
  try {
    return (JSON.parse(text) as Partial<UploadedPart>).etag ?? null;
  } catch {
    return null;
  }
}

async function partTarget(
  client: ApiClient,
  { uploadId, mode }: BegunUpload,
  partNumber: number,
  signal: AbortSignal,
): Promise<Pick<PartRequest, "url" | "headers">> {
  if (mode === "proxied") {
    const url = client.urlOf(`/v1/uploads/${encodeURIComponent(uploadId)}/parts/${partNumber}`);
    const type = { "content-type": "application/octet-stream" };
    return { url, headers: { ...client.credentials(), ...type } };
  }
  // Asked for one at a time and anew for each try: signed URLs end.
  const { parts } = await client.partUrls(uploadId, [partNumber], signal);
  const [part] = parts;
  if (part === undefined) throw new Error(`The edge gave no URL for part ${partNumber}.`);
  return { url: part.url, headers: {} };
}

/** Waits, unless the signal says otherwise. */
function waitFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    }, milliseconds);
    const giveUp = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
  });
}

/** Sends a part with `fetch`, which tells of it only when it has arrived. */
export const sendPartByFetch: SendPart = async ({ url, headers, body, signal, onSent }) => {
  const answer = await fetch(url, { method: "PUT", headers, body, signal });
  const text = await answer.text();
  if (answer.ok) onSent(body instanceof Blob ? body.size : body.byteLength);
  return { status: answer.status, etag: answer.headers.get("etag"), text };
};
