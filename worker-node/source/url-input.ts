/** An input at somebody's URL: streamed where its server has ranges, copied to scratch where it has not. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { requestDelayMs } from "../backoff.ts";
import type { FetchGuard, GuardedResult } from "../fetch-guard.ts";
import { describeError, headerOf, isTransientStatus } from "../http.ts";
import { pause } from "../pause.ts";
import { parseContentRange } from "./byte-range.ts";
import { fileUpstream } from "./file-upstream.ts";
import { httpUpstream, type RangeAnswer } from "./http-upstream.ts";
import type { SourceFailure, Upstream } from "./upstream.ts";

const PATIENCE_MS = 30_000;
const OPEN_TRIES = 4;

export interface UrlInputOptions {
  readonly guard: FetchGuard;
  readonly url: string;
  readonly key: string;
  readonly maxBytes: number;
  readonly scratchDir: string;
  readonly signal: AbortSignal;
  /** Bytes copied to scratch: they count as movement. */
  readonly onBytes: (count: number) => void;
  readonly patienceMs?: number;
}

export type OpenedInput =
  | { readonly status: "ok"; readonly upstream: Upstream }
  | ({ readonly status: "failed" } & SourceFailure)
  | { readonly status: "no_disk" }
  | { readonly status: "aborted" };

type Answered = Extract<GuardedResult, { status: "answered" }>;

/** What identifies the bytes: when it changes half-way, what was read is a mixture. */
interface Identity {
  readonly size: number;
  readonly etag: string | null;
}

/** Asks for the first byte to learn the size and whether the server has ranges. */
export async function openUrlInput(options: UrlInputOptions): Promise<OpenedInput> {
  let failure: SourceFailure = { detail: "The input's URL gave no answer.", retryable: true };
  for (let tries = 0; tries < OPEN_TRIES; tries += 1) {
    if (tries > 0) await pause(requestDelayMs(tries, Math.random()), options.signal);
    const answer = await options.guard.get(options.url, { range: "bytes=0-0" }, options.signal);
    if (answer.status === "aborted" || options.signal.aborted) return { status: "aborted" };
    if (answer.status === "refused") {
      return { status: "failed", detail: answer.detail, retryable: false };
    }
    if (answer.status === "unreachable") {
      failure = { detail: answer.detail, retryable: true };
      continue;
    }
    if (isTransientStatus(answer.statusCode)) {
      answer.body.destroy();
      failure = statusFailure(answer.statusCode);
      continue;
    }
    return openAnswered(options, answer);
  }
  return { status: "failed", ...failure };
}

function openAnswered(
  options: UrlInputOptions,
  answer: Answered,
): Promise<OpenedInput> | OpenedInput {
  const encoding = headerOf(answer.headers, "content-encoding") ?? "identity";
  const contentType = headerOf(answer.headers, "content-type") ?? "application/octet-stream";
  if (answer.statusCode === 206) {
    answer.body.destroy();
    const range = parseContentRange(headerOf(answer.headers, "content-range"));
    if (range === null || encoding !== "identity") {
      return {
        status: "failed",
        detail: "The input's server answers ranges wrongly.",
        retryable: false,
      };
    }
    if (range.size > options.maxBytes) return tooLarge(range.size, options.maxBytes);
    const identity = { size: range.size, etag: headerOf(answer.headers, "etag") };
    return { status: "ok", upstream: rangedUpstream(options, identity, contentType) };
  }
  if (answer.statusCode === 200) {
    if (encoding === "identity") return stage(options, answer, contentType);
    answer.body.destroy();
    return {
      status: "failed",
      detail: "The input's server sends it compressed.",
      retryable: false,
    };
  }
  answer.body.destroy();
  return answer.statusCode === 416
    ? { status: "failed", detail: "The input is empty.", retryable: false }
    : { status: "failed", ...statusFailure(answer.statusCode) };
}

function rangedUpstream(
  options: UrlInputOptions,
  identity: Identity,
  contentType: string,
): Upstream {
  return httpUpstream({
    sizeBytes: identity.size,
    contentType,
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    open: async (start, end, signal) => {
      const range = `bytes=${start}-${end}`;
      return judgeRange(await options.guard.get(options.url, { range }, signal), start, identity);
    },
  });
}

function judgeRange(answer: GuardedResult, start: number, identity: Identity): RangeAnswer {
  if (answer.status === "aborted") return answer;
  if (answer.status === "unreachable") return { status: "transient", detail: answer.detail };
  if (answer.status === "refused") {
    return { status: "failed", detail: answer.detail, retryable: false };
  }
  if (answer.statusCode !== 206) {
    answer.body.destroy();
    const failure = statusFailure(answer.statusCode);
    return isTransientStatus(answer.statusCode)
      ? { status: "transient", detail: failure.detail }
      : { status: "failed", ...failure };
  }
  const range = parseContentRange(headerOf(answer.headers, "content-range"));
  const etag = headerOf(answer.headers, "etag");
  if (range?.start === start && range.size === identity.size && etag === identity.etag) {
    return { status: "ok", body: answer.body };
  }
  answer.body.destroy();
  return { status: "failed", detail: "The input changed while it was read.", retryable: true };
}

async function stage(
  options: UrlInputOptions,
  answer: Answered,
  contentType: string,
): Promise<OpenedInput> {
  const declared = Number(headerOf(answer.headers, "content-length") ?? Number.NaN);
  if (declared > options.maxBytes) {
    answer.body.destroy();
    return tooLarge(declared, options.maxBytes);
  }
  const path = join(options.scratchDir, `${options.key}.source`);
  const copied = await copyCapped(answer.body, path, options);
  if (copied.status !== "ok") return copied;
  if (copied.bytes === 0) {
    return { status: "failed", detail: "The input is empty.", retryable: false };
  }
  return { status: "ok", upstream: fileUpstream(path, copied.bytes, contentType) };
}

async function copyCapped(
  body: Readable,
  path: string,
  options: UrlInputOptions,
): Promise<Exclude<OpenedInput, { status: "ok" }> | { status: "ok"; bytes: number }> {
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      options.onBytes(chunk.length);
      done(bytes > options.maxBytes ? new Error("too large") : null, chunk);
    },
  });
  try {
    await pipeline(body, meter, createWriteStream(path, { mode: 0o600 }), {
      signal: options.signal,
    });
    return { status: "ok", bytes };
  } catch (error) {
    if (options.signal.aborted) return { status: "aborted" };
    if (bytes > options.maxBytes) return tooLarge(bytes, options.maxBytes);
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") {
      return { status: "no_disk" };
    }
    const detail = `The input broke off after ${bytes} bytes: ${describeError(error)}`;
    return { status: "failed", detail, retryable: true };
  }
}

function tooLarge(size: number, maxBytes: number): Extract<OpenedInput, { status: "failed" }> {
  const megabytes = (count: number) => Math.ceil(count / 1_000_000);
  return {
    status: "failed",
    detail: `The input is ${megabytes(size)} MB or more. Maximum allowed is ${megabytes(maxBytes)} MB.`,
    retryable: false,
  };
}

function statusFailure(statusCode: number): SourceFailure {
  return {
    detail: `The input's URL answered with status ${statusCode}.`,
    retryable: isTransientStatus(statusCode),
  };
}
