/** Brings one finished output to the store, as `protocol/grants.ts` says; memory stays bounded. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { z } from "zod";
import {
  type BegunOutput,
  begunOutputSchema,
  partUrlsSchema,
  putAnswerSchema,
} from "../protocol/grants.ts";
import type { StoredAs } from "../protocol/task.ts";
import {
  type Called,
  type CallFailure,
  type GrantCalls,
  judgeRefusal,
  persist,
  type Try,
} from "./grant-call.ts";
import { describeError, type HttpResult, headerOf, readText, send } from "./http.ts";

/**
 * Each read of a file crosses to another thread and back: of 64 KiB, Node's default, there are many. Bytes count as
 * movement by the piece, and a piece must go up within a lease's time even at 100 kbit/s.
 */
const READ_BYTES = 256 * 1024;
/** Parts of one upload under way at once. */
const PART_CONCURRENCY = 3;

export interface Upload {
  readonly key: string;
  readonly filename: string;
  readonly contentType: string;
  /** Path of the file, which no longer changes. */
  readonly file: string;
  readonly sizeBytes: number;
  /** Bytes handed to the network; those of a repeated try count again, because they are movement. */
  readonly onBytes: (count: number) => void;
}

export type UploadResult =
  | { readonly status: "ok"; readonly stored: StoredAs; readonly sha256: string }
  | CallFailure;

type Multipart = Extract<BegunOutput, { kind: "multipart" }>;
type Single = Extract<BegunOutput, { kind: "single" }>;

/** Uploads a file, and finds its checksum meanwhile; 401 waits for a renewed grant and then says `failed`. */
export async function uploadOutput(calls: GrantCalls, upload: Upload): Promise<UploadResult> {
  const stop = new AbortController();
  const signal = AbortSignal.any([calls.signal, stop.signal]);
  const hashing = digestFile(upload.file, "sha256", signal);
  // Looked at below; an upload that fails first must not leave it unheard.
  hashing.catch(() => {});
  try {
    const stored = await store(calls, upload, hashing);
    if (stored.status !== "ok") {
      stop.abort();
      return stored;
    }
    return { status: "ok", stored: stored.value, sha256: await hashing };
  } catch (error) {
    if (calls.signal.aborted) return { status: "aborted" };
    return { status: "failed", detail: describeError(error), retryable: true };
  }
}

async function store(
  calls: GrantCalls,
  upload: Upload,
  sha256: Promise<string>,
): Promise<Called<StoredAs>> {
  const grant = { version: calls.grant.version(), base: calls.grant.current().base };
  const begun = await persist(calls, () => begin(calls, upload));
  if (begun.status !== "ok") return begun;
  return begun.value.kind === "single"
    ? putSingle(calls, upload, begun.value, await sha256)
    : putParts(calls, upload, begun.value, grant);
}

function begin(calls: GrantCalls, upload: Upload): Promise<Try<BegunOutput>> {
  const { key, filename, contentType, sizeBytes } = upload;
  const url = `${calls.grant.current().base}/outputs`;
  const body = { key, filename, contentType, sizeBytes };
  return postJson(calls, url, body, begunOutputSchema, `begin of '${filename}'`);
}

async function putSingle(
  calls: GrantCalls,
  upload: Upload,
  begun: Single,
  sha256: string,
): Promise<Called<StoredAs>> {
  let place: Single = begun;
  const put = await persist<string>(calls, async (isRenewed) => {
    if (isRenewed) {
      const again = await begin(calls, upload);
      if (again.status !== "ok") return again;
      if (again.value.kind === "single") place = again.value;
    }
    const headers = {
      "content-type": upload.contentType,
      ...digestHeader(place.url, sha256),
      ...place.headers,
    };
    const slice = { start: 0, length: upload.sizeBytes };
    const answer = await putSlice(calls, upload, place.url, slice, headers);
    if (answer.status === "answered" && answer.statusCode === 412) {
      answer.body.destroy();
      return findStored(calls, upload);
    }
    return etagOf(answer, `put of '${upload.filename}'`);
  });
  return put.status === "ok" ? { status: "ok", value: { kind: "single", etag: put.value } } : put;
}

/** The edge hands it on to the store, which then refuses other bytes (RFC 9530); a presigned URL has no place for it. */
function digestHeader(url: string, sha256: string): Record<string, string> {
  if (!url.startsWith("/")) return {};
  return { "content-digest": `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:` };
}

/**
 * The object is there already: an earlier try arrived and its answer did not, for nobody else writes under
 * this epoch. Its ETag, if it holds these bytes: that of an object put whole is their MD5, in R2 and in S3.
 */
async function findStored(calls: GrantCalls, upload: Upload): Promise<Try<string>> {
  const what = `'${upload.filename}', found in the store`;
  const url = new URL(`${calls.grant.current().base}/outputs/${upload.filename}`, calls.edgeUrl);
  const answer = await send(calls.dispatcher, url, { method: "HEAD", signal: calls.signal });
  const found = await etagOf(answer, what);
  if (found.status !== "ok") return found;
  const isSame = found.value === (await digestFile(upload.file, "md5", calls.signal));
  return isSame ? found : { status: "failed", detail: `${what}, has other bytes`, retryable: true };
}

async function putParts(
  calls: GrantCalls,
  upload: Upload,
  begun: Multipart,
  grant: BegunUnder,
): Promise<Called<StoredAs>> {
  const count = Math.ceil(upload.sizeBytes / begun.partSizeBytes);
  const urls = createPartUrls(calls, begun, grant);
  const etags: string[] = [];
  const failures: CallFailure[] = [];
  let next = 1;
  const worker = async () => {
    while (next <= count && failures.length === 0) {
      const partNumber = next;
      next += 1;
      const part = await persist(calls, (isRenewed) =>
        putPart(calls, upload, begun, partNumber, () => urls.of(partNumber, isRenewed)),
      );
      if (part.status === "ok") etags[partNumber - 1] = part.value;
      else failures.push(part);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PART_CONCURRENCY, count) }, worker));
  const [failure] = failures;
  if (failure !== undefined) return failure;
  const parts = etags.map((etag, index) => ({ partNumber: index + 1, etag }));
  return { status: "ok", value: { kind: "multipart", uploadId: begun.uploadId, parts } };
}

async function putPart(
  calls: GrantCalls,
  upload: Upload,
  begun: Multipart,
  partNumber: number,
  findUrl: () => Promise<Try<PartUrl>>,
): Promise<Try<string>> {
  const found = await findUrl();
  if (found.status !== "ok") return found;
  const { url, under } = found.value;
  const start = (partNumber - 1) * begun.partSizeBytes;
  const length = Math.min(begun.partSizeBytes, upload.sizeBytes - start);
  const answer = await putSlice(calls, upload, url, { start, length }, {});
  const etag = await etagOf(answer, `part ${partNumber} of '${upload.filename}'`);
  return etag.status === "denied" ? { ...etag, under } : etag;
}

/** The grant that an upload was begun under. */
interface BegunUnder {
  readonly version: number;
  readonly base: string;
}

/** Where a part goes, by the grant of which version: a later part may have that of a grant that is over. */
interface PartUrl {
  readonly url: string;
  readonly under: number;
}

interface PartUrls {
  /** `isRenewed`: the URL known so far was denied, and there is a new grant to ask for another. */
  of(partNumber: number, isRenewed: boolean): Promise<Try<PartUrl>>;
}

/** URLs of parts: those the upload began with, and new ones when they run out or have expired. */
function createPartUrls(
  calls: GrantCalls,
  begun: Multipart,
  { version, base }: BegunUnder,
): PartUrls {
  const known = new Map<number, PartUrl>(
    begun.partUrls.map((url, index) => [index + 1, { url, under: version }]),
  );
  const morePath = begun.morePartUrls;
  return {
    of: async (partNumber, isRenewed) => {
      const url = known.get(partNumber);
      if (url !== undefined && !isRenewed) return { status: "ok", value: url };
      // A path under the grant it was made under: it goes on under the present one.
      const more = morePath.startsWith(base)
        ? `${calls.grant.current().base}${morePath.slice(base.length)}`
        : morePath;
      const under = calls.grant.version();
      const body = { uploadId: begun.uploadId, from: partNumber, count: PART_CONCURRENCY };
      const answer = await postJson(calls, more, body, partUrlsSchema, "more part URLs");
      if (answer.status !== "ok") return answer;
      const [first] = answer.value.partUrls;
      if (first === undefined) {
        return { status: "failed", detail: "The edge gave no URL for a part.", retryable: true };
      }
      for (const [index, url] of answer.value.partUrls.entries()) {
        known.set(partNumber + index, { url, under });
      }
      return { status: "ok", value: { url: first, under } };
    },
  };
}

async function postJson<T>(
  calls: GrantCalls,
  path: string,
  body: unknown,
  schema: z.ZodType<T>,
  what: string,
): Promise<Try<T>> {
  const answer = await send(calls.dispatcher, new URL(path, calls.edgeUrl), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: calls.signal,
  });
  if (answer.status !== "answered" || answer.statusCode >= 300) return judgeRefusal(answer, what);
  const parsed = schema.safeParse(parseJson(await readText(answer.body)));
  return parsed.success
    ? { status: "ok", value: parsed.data }
    : { status: "transient", detail: `${what}: the answer is not of the protocol` };
}

/** One PUT of a slice of the file, streamed and counted. */
async function putSlice(
  calls: GrantCalls,
  upload: Upload,
  url: string,
  slice: { readonly start: number; readonly length: number },
  headers: Readonly<Record<string, string>>,
): Promise<HttpResult> {
  const meter = new Transform({
    highWaterMark: READ_BYTES,
    transform(chunk: Buffer, _encoding, done) {
      upload.onBytes(chunk.length);
      done(null, chunk);
    },
  });
  const end = slice.start + slice.length - 1;
  const feeding = pipeline(
    createReadStream(upload.file, { highWaterMark: READ_BYTES, start: slice.start, end }),
    meter,
  );
  // Its failure reaches the request as a broken body.
  feeding.catch(() => {});
  const answer = await send(calls.dispatcher, new URL(url, calls.edgeUrl), {
    method: "PUT",
    headers: { ...headers, "content-length": String(slice.length) },
    body: meter,
    signal: calls.signal,
  });
  meter.destroy();
  return answer;
}

/** The ETag of an accepted PUT: a store says it in the header, the edge in its body too. */
async function etagOf(answer: HttpResult, what: string): Promise<Try<string>> {
  if (answer.status !== "answered" || answer.statusCode >= 300) return judgeRefusal(answer, what);
  const text = await readText(answer.body);
  const body = putAnswerSchema.safeParse(parseJson(text));
  const etag = body.success ? body.data.etag : headerOf(answer.headers, "etag");
  return etag === null
    ? { status: "transient", detail: `${what}: the answer has no ETag` }
    : { status: "ok", value: etag.replace(/^(W\/)?"|"$/g, "") };
}

async function digestFile(
  file: string,
  algorithm: "sha256" | "md5",
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file, { highWaterMark: READ_BYTES }), hash, { signal });
  return hash.digest("hex");
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}
