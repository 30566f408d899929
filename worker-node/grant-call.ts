/** HTTP calls under a lease's grant: repeated through passing trouble, and under a new grant when it is renewed. */
import type { Dispatcher } from "undici";
import { errorAnswerSchema } from "../protocol/errors.ts";
import { requestDelayMs } from "./backoff.ts";
import type { GrantHolder } from "./grants.ts";
import { type HttpResult, isTransientStatus, readText } from "./http.ts";
import { pause } from "./pause.ts";

const PATIENCE_MS = 120_000;
const MIN_TRIES = 8;
const GRANT_WAIT_MS = 15_000;

export interface GrantCalls {
  readonly dispatcher: Dispatcher;
  readonly edgeUrl: URL;
  readonly grant: GrantHolder;
  readonly signal: AbortSignal;
  /** Trouble is borne for this long, and for a few tries however long they take. */
  readonly patienceMs?: number;
  readonly minTries?: number;
  /** How long a refused grant waits for its renewal. */
  readonly grantWaitMs?: number;
}

export type CallFailure =
  | { readonly status: "failed"; readonly detail: string; readonly retryable: boolean }
  | { readonly status: "aborted" };

export type Try<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "transient"; readonly detail: string }
  /**
   * 401 from the edge, 403 from a store whose presigned URL has expired. `under`: the version of the grant that what was
   * refused came from, where that may be older than the one at the time of the call.
   */
  | { readonly status: "denied"; readonly detail: string; readonly under?: number }
  | CallFailure;

export type Called<T> = Extract<Try<T>, { status: "ok" }> | CallFailure;

/**
 * Calls until it succeeds, fails for good, or patience ends.
 *
 * @param call told whether the try before it was denied and the grant has been renewed since.
 */
export async function persist<T>(
  calls: GrantCalls,
  call: (isRenewed: boolean) => Promise<Try<T>>,
): Promise<Called<T>> {
  const startedAt = performance.now();
  let isRenewed = false;
  for (let tries = 0; ; tries += 1) {
    const version = calls.grant.version();
    const result = await call(isRenewed);
    isRenewed = false;
    if (calls.signal.aborted) return { status: "aborted" };
    if (result.status !== "transient" && result.status !== "denied") return result;
    if (result.status === "denied") {
      const waitMs = calls.grantWaitMs ?? GRANT_WAIT_MS;
      isRenewed = await calls.grant.newerThan(result.under ?? version, waitMs, calls.signal);
      if (calls.signal.aborted) return { status: "aborted" };
      if (!isRenewed) return { status: "failed", detail: result.detail, retryable: true };
      continue;
    }
    const isOutOfPatience =
      tries + 1 >= (calls.minTries ?? MIN_TRIES) &&
      performance.now() - startedAt >= (calls.patienceMs ?? PATIENCE_MS);
    if (isOutOfPatience) return { status: "failed", detail: result.detail, retryable: true };
    await pause(requestDelayMs(tries, Math.random()), calls.signal);
  }
}

/** What an answer other than the hoped-for one means; reads its body. */
export async function judgeRefusal(
  answer: HttpResult,
  what: string,
): Promise<Exclude<Try<never>, { status: "ok" }>> {
  if (answer.status === "aborted") return answer;
  if (answer.status === "unreachable") {
    return { status: "transient", detail: `${what}: ${answer.detail}` };
  }
  const said = await detailOf(answer);
  const detail = `${what}: status ${answer.statusCode}${said === null ? "" : `, ${said}`}`;
  if (answer.statusCode === 401 || answer.statusCode === 403) return { status: "denied", detail };
  if (isTransientStatus(answer.statusCode)) return { status: "transient", detail };
  // 409 and 404: the upload or the lease is gone, and another attempt may do better.
  const retryable = answer.statusCode === 404 || answer.statusCode === 409;
  return { status: "failed", detail, retryable };
}

async function detailOf(
  answer: Extract<HttpResult, { status: "answered" }>,
): Promise<string | null> {
  const text = await readText(answer.body, 64_000);
  try {
    const parsed = errorAnswerSchema.safeParse(JSON.parse(text ?? ""));
    return parsed.success ? parsed.data.error.detail : null;
  } catch {
    return null;
  }
}
