/**
 * The store over any S3 API. Bodies are streamed with a known length and an unsigned payload; over TLS that
 * loses nothing. API: https://docs.aws.amazon.com/AmazonS3/latest/API/ and R2's deviations from it,
 * https://developers.cloudflare.com/r2/api/s3/api/ (2026-10).
 */
import { AwsClient } from "aws4fetch";
import { type Bytes, withKnownLength } from "./known-length.ts";
import { bucketUrl, objectUrl, type S3Location } from "./s3-url.ts";
import { elementsOf, escapeXml, textOf } from "./s3-xml.ts";
import type { Store, StoredObject, UploadedPart } from "./store.ts";

export interface S3Access extends S3Location {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** `auto` for R2. */
  readonly region: string;
}

/** S3 keeps no SHA-256 of its own that every implementation tells: it is kept as metadata once checked. */
const SHA256_HEADER = "x-amz-meta-sha256";

/** The store over one bucket of an S3 API. */
export function createS3Store(access: S3Access): Store {
  const call = createCaller(access);
  return {
    async head(key) {
      const response = await call("HEAD", objectUrl(access, key));
      if (response.status === 404) return null;
      if (!response.ok) throw await unexpected("HEAD", response);
      return describe(key, response);
    },

    async get(key, { range, etag } = {}) {
      const response = await call("GET", objectUrl(access, key), {
        headers: {
          ...(range === undefined
            ? {}
            : { range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
          ...(etag === undefined ? {} : { "if-match": `"${etag}"` }),
        },
      });
      if (response.status === 404 || response.status === 412) {
        await response.body?.cancel();
        return null;
      }
      if (!response.ok) throw await unexpected("GET", response);
      const body = response.body ?? new Blob([]).stream();
      return { object: describe(key, response), body };
    },

    put: (key, body, options) => put(call, objectUrl(access, key), body, options),

    async createMultipart(key, contentType) {
      const url = objectUrl(access, key);
      url.searchParams.set("uploads", "");
      const response = await call("POST", url, { headers: { "content-type": contentType } });
      if (!response.ok) throw await unexpected("CreateMultipartUpload", response);
      const uploadId = textOf(await response.text(), "UploadId");
      if (uploadId === null) throw new Error("CreateMultipartUpload answered without an UploadId");
      return { uploadId };
    },

    async putPart(key, uploadId, partNumber, body, size) {
      const url = uploadUrl(access, key, uploadId);
      url.searchParams.set("partNumber", String(partNumber));
      const written = await withKnownLength(body, size, (bytes) =>
        call("PUT", url, { body: bytes }),
      );
      if (written.status === "wrong_size") return written;
      if (written.status === "failed") throw written.error;
      const response = written.value;
      if (response.status === 404) return noUpload("UploadPart", response);
      if (!response.ok) throw await unexpected("UploadPart", response);
      return { status: "ok", etag: etagOf(response) };
    },

    completeMultipart: (key, uploadId, parts) => complete(call, access, key, uploadId, parts),

    async abortMultipart(key, uploadId) {
      const response = await call("DELETE", uploadUrl(access, key, uploadId));
      if (response.status === 404) await noUpload("AbortMultipartUpload", response);
      else if (!response.ok) throw await unexpected("AbortMultipartUpload", response);
    },

    delete: (keys) => deleteObjects(call, access, keys),

    async list(prefix, cursor) {
      const url = bucketUrl(access);
      url.searchParams.set("list-type", "2");
      url.searchParams.set("prefix", prefix);
      if (cursor !== undefined) url.searchParams.set("continuation-token", cursor);
      const response = await call("GET", url);
      if (!response.ok) throw await unexpected("ListObjectsV2", response);
      const xml = await response.text();
      const truncated = textOf(xml, "IsTruncated") === "true";
      return {
        objects: elementsOf(xml, "Contents").map(listed),
        cursor: truncated ? textOf(xml, "NextContinuationToken") : null,
      };
    },
  };
}

type Method = "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
interface CallInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Bytes | string;
}
type Caller = (method: Method, url: URL, init?: CallInit) => Promise<Response>;

function createCaller(access: S3Access): Caller {
  const client = new AwsClient({ ...access, service: "s3", retries: 3 });
  return async (method, url, init = {}) => {
    const headers = init.headers ?? {};
    // Repeating these changes nothing; aws4fetch repeats them on 429 and 5xx.
    if (method !== "PUT" && method !== "POST") return client.fetch(url, { method, headers });
    const signed = await client.sign(url, { method, headers });
    return fetch(new Request(signed, { body: init.body ?? null }));
  };
}

function uploadUrl(location: S3Location, key: string, uploadId: string): URL {
  const url = objectUrl(location, key);
  url.searchParams.set("uploadId", uploadId);
  return url;
}

async function put(
  call: Caller,
  url: URL,
  body: Bytes,
  options: Parameters<Store["put"]>[2],
): ReturnType<Store["put"]> {
  const headers = {
    "content-type": options.contentType,
    ...(options.onlyIfAbsent === true ? { "if-none-match": "*" } : {}),
    ...(options.sha256 === undefined
      ? {}
      : { "x-amz-content-sha256": options.sha256, [SHA256_HEADER]: options.sha256 }),
  };
  const written = await withKnownLength(body, options.size, (bytes) =>
    call("PUT", url, { headers, body: bytes }),
  );
  if (written.status === "wrong_size") return written;
  if (written.status === "failed") throw written.error;
  const response = written.value;
  if (response.ok) return { status: "ok", etag: etagOf(response) };
  const error = await readError(response);
  if (response.status === 412) return { status: "exists" };
  if (error.code === "XAmzContentSHA256Mismatch" || error.code === "BadDigest") {
    return { status: "checksum_mismatch" };
  }
  throw new Error(`PutObject answered ${response.status} ${error.code}: ${error.message}`);
}

const badPartCodes = ["InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"];

async function complete(
  call: Caller,
  location: S3Location,
  key: string,
  uploadId: string,
  parts: readonly UploadedPart[],
): ReturnType<Store["completeMultipart"]> {
  if (parts.length === 0) return { status: "bad_parts", detail: "The upload has no parts." };
  const list = parts
    .toSorted((a, b) => a.partNumber - b.partNumber)
    .map(({ partNumber, etag }) => {
      const quoted = escapeXml(`"${etag}"`);
      return `<Part><PartNumber>${partNumber}</PartNumber><ETag>${quoted}</ETag></Part>`;
    });
  const body = `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`;
  const response = await call("POST", uploadUrl(location, key, uploadId), {
    headers: { "content-type": "application/xml" },
    body,
  });
  const xml = await response.text();
  const code = textOf(xml, "Code");
  // Assembling may fail after the 200 has been sent: then the body is an Error.
  if (response.ok && code === null) {
    const head = await call("HEAD", objectUrl(location, key));
    if (!head.ok) throw await unexpected("HEAD after CompleteMultipartUpload", head);
    return { status: "ok", object: describe(key, head) };
  }
  if (code === "NoSuchUpload") return { status: "no_upload" };
  const detail = textOf(xml, "Message") ?? "";
  if (code !== null && badPartCodes.includes(code)) return { status: "bad_parts", detail };
  throw new Error(`CompleteMultipartUpload answered ${response.status} ${code}: ${detail}`);
}

async function deleteObjects(
  call: Caller,
  location: S3Location,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return;
  const url = bucketUrl(location);
  url.searchParams.set("delete", "");
  const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`);
  const body = `<Delete><Quiet>true</Quiet>${objects.join("")}</Delete>`;
  // AWS and MinIO refuse this one request without a digest. MD5 is workerd's addition to WebCrypto.
  const digest = await crypto.subtle.digest("MD5", new TextEncoder().encode(body));
  const response = await call("POST", url, {
    headers: {
      "content-type": "application/xml",
      "content-md5": btoa(String.fromCharCode(...new Uint8Array(digest))),
    },
    body,
  });
  if (!response.ok) throw await unexpected("DeleteObjects", response);
  const failures = elementsOf(await response.text(), "Error").filter(
    (error) => textOf(error, "Code") !== "NoSuchKey",
  );
  if (failures.length > 0) {
    throw new Error(`DeleteObjects left ${failures.length} of ${keys.length}: ${failures[0]}`);
  }
}

function describe(key: string, response: Response): StoredObject {
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  return {
    key,
    size: Number(total ?? response.headers.get("content-length")),
    etag: etagOf(response),
    contentType: response.headers.get("content-type"),
    sha256: response.headers.get(SHA256_HEADER),
  };
}

function listed(xml: string): StoredObject {
  return {
    key: textOf(xml, "Key") ?? "",
    size: Number(textOf(xml, "Size")),
    etag: unquote(textOf(xml, "ETag") ?? ""),
    contentType: null,
    sha256: null,
  };
}

function etagOf(response: Response): string {
  return unquote(response.headers.get("etag") ?? "");
}

function unquote(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}

async function readError(response: Response): Promise<{ code: string; message: string }> {
  const xml = await response.text();
  return { code: textOf(xml, "Code") ?? "", message: textOf(xml, "Message") ?? "" };
}

/** A 404 on an upload's call: the bucket may be missing, too, and that is a fault of the settings. */
async function noUpload(call: string, response: Response): Promise<{ status: "no_upload" }> {
  const error = await readError(response);
  if (error.code === "NoSuchUpload") return { status: "no_upload" };
  throw new Error(`${call} answered ${response.status} ${error.code}: ${error.message}`);
}

async function unexpected(call: string, response: Response): Promise<Error> {
  const { code, message } = await readError(response);
  return new Error(`${call} answered ${response.status} ${code}: ${message}`);
}
