/** HTTP as the agent uses it: outcomes instead of exceptions, and no wait without an end. */
import type { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";

const CONNECT_TIMEOUT_MS = 10_000;
/** Longest silence of a peer that took the request. Writing the body counts as no silence. */
const SILENCE_TIMEOUT_MS = 20_000;

export type HttpResult =
  | {
      readonly status: "answered";
      readonly statusCode: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      /** Has to be read or destroyed. */
      readonly body: Readable;
    }
  /** No answer: name not resolved, refused, reset, timed out. */
  | { readonly status: "unreachable"; readonly detail: string; readonly cause: unknown }
  | { readonly status: "aborted" };

export interface HttpCall {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable | string;
  readonly signal: AbortSignal;
}

/** Connections to one kind of peer; `connect` options pin or guard addresses. */
export function createDispatcher(connect: Agent.Options["connect"] = {}): Agent {
  return new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS, ...connect },
    headersTimeout: SILENCE_TIMEOUT_MS,
    bodyTimeout: SILENCE_TIMEOUT_MS,
  });
}

/** One request; redirects are not followed. */
export async function send(dispatcher: Dispatcher, url: URL, call: HttpCall): Promise<HttpResult> {
  try {
    const answer = await request(url, {
      dispatcher,
      method: call.method,
      headers: call.headers ?? {},
      body: call.body ?? null,
      signal: call.signal,
    });
    // A body that is given up half-way emits an error that nobody else would hear.
    answer.body.on("error", () => {});
    return {
      status: "answered",
      statusCode: answer.statusCode,
      headers: answer.headers,
      body: answer.body,
    };
  } catch (error) {
    if (call.signal.aborted) return { status: "aborted" };
    return { status: "unreachable", detail: describeError(error), cause: error };
  }
}

/** A header's one value; of a repeated header the first. */
export function headerOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  name: string,
): string | null {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

/** Reads a small body whole; null if it is longer than `maxBytes` or breaks off. */
export async function readText(body: Readable, maxBytes = 1_000_000): Promise<string | null> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of body) {
      total += chunk.length;
      if (total > maxBytes) return null;
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Whether the same request may succeed later, as far as the status says. */
export function isTransientStatus(statusCode: number): boolean {
  return statusCode === 408 || statusCode === 429 || statusCode >= 500;
}

/** What went wrong, in a few words; an AggregateError of several addresses has no message of its own. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  return "code" in error ? String(error.code) : error.name;
}
