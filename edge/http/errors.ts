/** The only place where an error becomes a response. Everything else throws an `ApiError`. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { type ApiErrorCode, apiErrors, type ErrorAnswer } from "../../protocol/errors.ts";
import { logError } from "../log.ts";
import type { AppEnv } from "./context.ts";
import { requestIdsOf } from "./request-ids.ts";

/** An expected refusal: a code of the catalogue, and a detail that names the thing and the rule. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ApiErrorCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(`${code}: ${detail}`);
    this.name = "ApiError";
    this.code = code;
    this.detail = detail;
    this.headers = headers;
  }
}

/** Details name what a client sent, which may be a megabyte. */
const MAX_DETAIL_LENGTH = 2000;

/** Renders an error in the one shape that every error has. */
export function errorAnswer(code: ApiErrorCode, detail: string, requestId: string): ErrorAnswer {
  const { message, retryable } = apiErrors[code];
  const short =
    detail.length > MAX_DETAIL_LENGTH ? `${detail.slice(0, MAX_DETAIL_LENGTH)}…` : detail;
  return { success: false, message, error: { code, message, detail: short, retryable, requestId } };
}

const MIGRATIONS_MISSING =
  "The database lacks a table or column of this version. Apply its migrations: npx wrangler d1 migrations apply telecine --remote.";

/** Whether SQLite says so of a query that was right when it was written, itself or as the cause of drizzle's error. */
function lacksMigrations({ message, cause }: Error): boolean {
  const said = `${message}\n${cause instanceof Error ? cause.message : ""}`;
  return /\bno such (?:table|column): |\btable \S+ has no column named /.test(said);
}

/** Hono's `onError`. What nobody expected is an ENGINE_ERROR that tells the client only its request id. */
export function onError(error: Error, c: Context<AppEnv>): Response {
  const requestId = c.get("requestId");
  if (error instanceof ApiError) {
    return c.json(
      errorAnswer(error.code, error.detail, requestId),
      apiErrors[error.code].status,
      error.headers,
    );
  }
  if (error instanceof HTTPException && error.status === 400) {
    return c.json(errorAnswer("VALIDATION_ERROR", error.message, requestId), 400);
  }
  // @hono/zod-openapi throws 415 for a body of a type that the route does not take.
  if (error instanceof HTTPException && error.status === 415) {
    const detail = "The header Content-Type must be 'application/json' where there is a body.";
    return c.json(errorAnswer("VALIDATION_ERROR", detail, requestId), 400);
  }
  logError("unexpected", requestIdsOf(c), error);
  if (lacksMigrations(error)) {
    return c.json(errorAnswer("CONFIG_ERROR", MIGRATIONS_MISSING, requestId), 500);
  }
  return c.json(
    errorAnswer("ENGINE_ERROR", "An unexpected error occurred; quote the requestId.", requestId),
    500,
  );
}

/** Hono's `notFound`. */
export function onNotFound(c: Context<AppEnv>): Response {
  return c.json(
    errorAnswer("NOT_FOUND", `No route ${c.req.method} ${c.req.path}.`, c.get("requestId")),
    404,
  );
}
