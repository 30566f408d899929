/** An input that the edge holds: read under the lease's grant, which may be renewed at any time. */
import type { Dispatcher } from "undici";
import type { GrantHolder } from "../grants.ts";
import { headerOf, isTransientStatus, send } from "../http.ts";
import { parseContentRange } from "./byte-range.ts";
import { httpUpstream, type RangeAnswer } from "./http-upstream.ts";
import type { Upstream } from "./upstream.ts";

/** A refused grant may just have been renewed: the new one is on its way over the socket. */
const GRANT_WAIT_MS = 15_000;
/** An edge that restarts, or a store with an outage, is waited for; the lease's deadline is the edge's to judge. */
const PATIENCE_MS = 120_000;

export interface EdgeInputOptions {
  readonly dispatcher: Dispatcher;
  readonly edgeUrl: URL;
  readonly grant: GrantHolder;
  readonly key: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly grantWaitMs?: number;
  readonly patienceMs?: number;
}

export function edgeInput(options: EdgeInputOptions): Upstream {
  return httpUpstream({
    sizeBytes: options.sizeBytes,
    contentType: options.contentType,
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    open: (start, end, signal) => openRange(options, start, end, signal),
  });
}

async function openRange(
  options: EdgeInputOptions,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<RangeAnswer> {
  const { key, grant } = options;
  const version = grant.version();
  const granted = grant.current().inputs[key];
  if (granted === undefined) {
    return {
      status: "failed",
      detail: `The lease grants no input '${key}'.`,
      retryable: true,
    };
  }
  const answer = await send(options.dispatcher, new URL(granted.url, options.edgeUrl), {
    method: "GET",
    headers: { range: `bytes=${start}-${end}` },
    signal,
  });
  if (answer.status === "aborted") return answer;
  if (answer.status === "unreachable") return { status: "transient", detail: answer.detail };
  const { statusCode, headers, body } = answer;
  if (statusCode === 206 || statusCode === 200) {
    const range = parseContentRange(headerOf(headers, "content-range"));
    const isWhole = statusCode === 200 && start === 0;
    if (isWhole || (statusCode === 206 && range?.start === start)) return { status: "ok", body };
  }
  body.destroy();
  if (isTransientStatus(statusCode)) {
    return { status: "transient", detail: `input '${key}' answered ${statusCode}` };
  }
  // 403 is how an S3 store says that a presigned URL has expired.
  if (statusCode === 401 || statusCode === 403) {
    const isRenewed = await grant.newerThan(version, options.grantWaitMs ?? GRANT_WAIT_MS, signal);
    if (isRenewed) return { status: "transient", detail: "the grant was renewed" };
  }
  return {
    status: "failed",
    detail: `Input '${key}' could not be read from the edge: status ${statusCode}.`,
    retryable: statusCode !== 404,
  };
}
