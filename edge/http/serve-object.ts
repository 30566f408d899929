/** Serves a stored object's bytes: GET and HEAD, ranges, conditions, pinned to one ETag. */
import { create as createDisposition } from "content-disposition";
import { contentRange, isNotModified, matches, parseRange, rangeStands } from "../media/ranges.ts";
import type { Store } from "../media/store.ts";
import { ApiError } from "./errors.ts";

export interface ServedObject {
  readonly key: string;
  /** Another object under the same key is not served. */
  readonly etag: string;
  readonly sizeBytes: number;
  readonly contentType: string;
}

export interface ServeOptions {
  /** What the client should call it; any text, made harmless here. */
  readonly filename?: string;
  readonly cacheControl: string;
}

/**
 * The answer to `request` (GET or HEAD) for `object`, or null when the store no longer holds that very
 * object: the caller knows which refusal that is. The body is streamed.
 *
 * @throws ApiError RANGE_NOT_SATISFIABLE with the size, PRECONDITION_FAILED for a false `If-Match`.
 */
export async function serveObject(
  request: Request,
  store: Store,
  object: ServedObject,
  options: ServeOptions,
): Promise<Response | null> {
  const headers = headersOf(object, options);
  if (!matches(request.headers.get("if-match"), object.etag)) {
    throw new ApiError("PRECONDITION_FAILED", `The ETag is "${object.etag}".`);
  }
  if (isNotModified(request.headers.get("if-none-match"), object.etag)) {
    headers.delete("content-length");
    return new Response(null, { status: 304, headers });
  }
  // A range means something to GET alone (RFC 9110 section 14.2).
  if (request.method === "HEAD") {
    const stored = await store.head(object.key);
    return stored?.etag === object.etag ? new Response(null, { headers }) : null;
  }
  return serveBody(request, store, object, headers);
}

async function serveBody(
  request: Request,
  store: Store,
  object: ServedObject,
  headers: Headers,
): Promise<Response | null> {
  const { etag, sizeBytes } = object;
  const asked = rangeStands(request.headers.get("if-range"), etag)
    ? parseRange(request.headers.get("range"), sizeBytes)
    : ({ status: "whole" } as const);
  switch (asked.status) {
    case "unsatisfiable":
      throw new ApiError("RANGE_NOT_SATISFIABLE", `The content has ${sizeBytes} bytes.`, {
        "content-range": `bytes */${sizeBytes}`,
      });
    case "partial": {
      const found = await store.get(object.key, { etag, range: asked.range });
      if (found === null) return null;
      headers.set("content-range", contentRange(asked.range, sizeBytes));
      headers.set("content-length", String(asked.range.length));
      return new Response(ofLength(found.body, asked.range.length), { status: 206, headers });
    }
    case "whole": {
      const found = await store.get(object.key, { etag });
      return found === null ? null : new Response(ofLength(found.body, sizeBytes), { headers });
    }
  }
}

/** The runtime sends `Content-Length`, not chunks, only for a body that it knows the length of. */
function ofLength(body: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> {
  const fixed = new FixedLengthStream(length);
  // A client that goes away breaks the pipe; there is nobody left to tell.
  body.pipeTo(fixed.writable).catch(() => undefined);
  return fixed.readable;
}

function headersOf(object: ServedObject, options: ServeOptions): Headers {
  const type = safeType(object.contentType);
  const headers = new Headers({
    "accept-ranges": "bytes",
    "cache-control": options.cacheControl,
    "content-length": String(object.sizeBytes),
    "content-type": type,
    etag: `"${object.etag}"`,
    "x-content-type-options": "nosniff",
  });
  if (options.filename !== undefined) {
    const disposition = type === OPAQUE ? "attachment" : "inline";
    const name = options.filename.replace(MISLEADING, "_");
    headers.set("content-disposition", createDisposition(name, { type: disposition }));
  }
  return headers;
}

/** Path separators, and what shows as something else or not at all: controls, bidi marks, lone surrogates. */
const MISLEADING = /[/\\\p{C}]/gu;

const OPAQUE = "application/octet-stream";

/** Media a browser shows but never runs. SVG and HTML are programs, and this origin serves a dashboard. */
const inertTypes =
  /^(?:video\/[\w.+-]+|audio\/[\w.+-]+|image\/(?!svg)[\w.+-]+|text\/vtt|application\/(?:vnd\.apple\.mpegurl|dash\+xml))$/;

function safeType(contentType: string): string {
  return inertTypes.test(contentType.toLowerCase()) ? contentType.toLowerCase() : OPAQUE;
}
