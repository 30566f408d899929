/**
 * `Idempotency-Key`: the same key and request answer with the first answer, and never run
 * twice. The claim is a row in D1, so two isolates agree. What would be wrong to repeat is not kept: answers
 * that say `retryable`, refusals for want of a scope, and anything from 500 up.
 */
import type { Context, MiddlewareHandler } from "hono";
import {
  claimKey,
  dropClaim,
  type IdempotentRequest,
  keepAnswer,
} from "../catalogue/idempotency.ts";
import { logError } from "../log.ts";
import { sha256Hex } from "../secrets.ts";
import type { AppEnv } from "./context.ts";
import { ApiError } from "./errors.ts";
import { fingerprintOf } from "./file-fingerprint.ts";
import { streams } from "./json-body.ts";
import { requestIdsOf } from "./request-ids.ts";
import { openVideoBody } from "./video-body.ts";

const KEY_PATTERN = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** Longer than any request with a JSON body takes; after it a claim's holder counts as dead. */
const STALE_CLAIM_MS = 60_000;
/** An upload through the Worker may take long. */
const STALE_STREAM_CLAIM_MS = 3_600_000;

/** How long a second request waits for the first one's answer, and how often it looks. */
const WAIT_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Shown once: left out of what is kept. */
const secretFields = ["key", "token", "secret"];

interface KeptAnswer {
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

const keptHeaders = ["content-type", "location"];

/** The path below the mount, so that `/v1` and `/api/v1` are one API. */
function requestTarget(c: Context<AppEnv>): string {
  const { pathname, search } = new URL(c.req.url);
  return pathname.replace(/^(?:\/api)?\/v1/, "") + search;
}

/** A file is streamed: until its fingerprint is known, its length and type stand for it. */
async function bodyOf(c: Context<AppEnv>): Promise<string> {
  if (!streams(c.req.path)) return c.req.text();
  const type = (c.req.header("content-type") ?? "").split(";")[0];
  return `${type} ${c.req.header("content-length") ?? ""}`;
}

async function identify(c: Context<AppEnv>, key: string): Promise<IdempotentRequest> {
  const { accountId, scopes } = c.get("principal");
  const parts = [c.req.method, requestTarget(c), [...scopes].sort(), await bodyOf(c)];
  return { accountId, key, requestHash: await sha256Hex(JSON.stringify(parts)) };
}

async function isWorthKeeping(answer: Response): Promise<boolean> {
  if (answer.status >= 500) return false;
  if (answer.status < 400) return true;
  if ([401, 403, 429].includes(answer.status)) return false;
  const body: { error?: { retryable?: boolean } } = await answer.json();
  return body.error?.retryable !== true;
}

function withoutSecrets(text: string): string {
  const body: unknown = JSON.parse(text);
  if (typeof body !== "object" || body === null || Array.isArray(body)) return text;
  return JSON.stringify(
    Object.fromEntries(Object.entries(body).filter(([name]) => !secretFields.includes(name))),
  );
}

async function toKept(answer: Response): Promise<KeptAnswer> {
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  const headers = keptHeaders.flatMap((name) => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return {
    body: text === "" ? null : isJson ? withoutSecrets(text) : text,
    headers: Object.fromEntries(headers),
  };
}

function replay(httpStatus: number, kept: string): Response {
  const { body, headers } = JSON.parse(kept) as KeptAnswer;
  return new Response(body, {
    status: httpStatus,
    headers: { ...headers, "idempotency-replayed": "true" },
  });
}

/** Claims the key, waiting for another request that holds it. */
async function claimOrReplay(
  c: Context<AppEnv>,
  request: IdempotentRequest,
): Promise<{ readonly createdAt: number; readonly claimedAt: number } | Response> {
  const staleMs = streams(c.req.path) ? STALE_STREAM_CLAIM_MS : STALE_CLAIM_MS;
  const giveUpAt = Date.now() + WAIT_MS;
  for (;;) {
    const claim = await claimKey(c.env.DB, request, Date.now(), staleMs);
    switch (claim.status) {
      case "claimed":
        return claim;
      case "answered":
        if (claim.fingerprint !== null && !(await sends(c, claim.fingerprint))) {
          throw mismatch(request.key);
        }
        return replay(claim.httpStatus, claim.answer);
      case "mismatch":
        throw mismatch(request.key);
      case "in_progress":
        if (Date.now() >= giveUpAt) {
          throw new ApiError(
            "RATE_LIMITED",
            `The first request with the Idempotency-Key '${request.key}' is still being answered.`,
            { "retry-after": "1" },
          );
        }
        await scheduler.wait(LOOK_EVERY_MS);
    }
  }
}

function mismatch(key: string): ApiError {
  return new ApiError(
    "IDEMPOTENCY_MISMATCH",
    `The Idempotency-Key '${key}' was first used with another request.`,
  );
}

/** Whether the request sends the file with this fingerprint; one that sends none that can be read does not. */
async function sends(c: Context<AppEnv>, fingerprint: string): Promise<boolean> {
  try {
    const file = await openVideoBody(c.req.raw, c.req.query("filename") ?? null);
    return (await fingerprintOf(file)) === fingerprint;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}

/** Applies to POSTs that carry the header; after the key check, before any handler. */
export function idempotency(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const key = c.req.header("idempotency-key");
    if (c.req.method !== "POST" || key === undefined) return next();
    if (!KEY_PATTERN.test(key)) {
      throw new ApiError(
        "VALIDATION_ERROR",
        "The header Idempotency-Key must be 1 to 255 printable ASCII characters.",
      );
    }
    const request = await identify(c, key);
    const claim = await claimOrReplay(c, request);
    if (claim instanceof Response) return claim;
    const seed = await sha256Hex(
      JSON.stringify([request.accountId, key, request.requestHash, claim.createdAt]),
    );
    c.set("idempotentId", { createdAt: claim.createdAt, seed });
    await next();
    await settle(c, request, claim.claimedAt);
    return undefined;
  };
}

/** The answer stands whether or not it could be kept: a claim left behind goes stale and is taken over. */
async function settle(
  c: Context<AppEnv>,
  request: IdempotentRequest,
  claimedAt: number,
): Promise<void> {
  try {
    if (await isWorthKeeping(c.res.clone())) {
      const answer = JSON.stringify(await toKept(c.res.clone()));
      const fingerprint = c.get("fingerprint") ?? null;
      await keepAnswer(c.env.DB, request, { httpStatus: c.res.status, answer, fingerprint });
    } else {
      await dropClaim(c.env.DB, request, claimedAt);
    }
  } catch (error) {
    logError("idempotent_answer_not_kept", requestIdsOf(c), error);
  }
}
