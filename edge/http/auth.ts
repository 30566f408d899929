/** Who is asking, and whether they may. */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { type ApiKeyRow, findKey, findKeyByHash } from "../catalogue/keys.ts";
import { isSameSecret, sha256Hex } from "../secrets.ts";
import type { AppEnv, Principal, Scope } from "./context.ts";
import { ApiError } from "./errors.ts";
import { mayUseCookie } from "./same-origin.ts";
import { sessionOf } from "./session.ts";

/** The account of `ROOT_API_KEY`. */
const ROOT_ACCOUNT = "default";

function unauthorized(detail: string): ApiError {
  return new ApiError("UNAUTHORIZED", detail, { "www-authenticate": 'Bearer realm="telecine"' });
}

/** The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1), or null. */
export function bearerToken(c: Context<AppEnv>): string | null {
  return /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? null;
}

/** The principal of a key, or a refusal that says what is wrong with it. */
export async function principalOfKey(c: Context<AppEnv>, key: string): Promise<Principal> {
  if (await isSameSecret(key, c.get("settings").rootApiKey)) return rootPrincipal;
  return principalOfRow(await findKeyByHash(c.env.DB, await sha256Hex(key)));
}

const rootPrincipal: Principal = {
  accountId: ROOT_ACCOUNT,
  keyId: null,
  scopes: ["read", "write", "admin"],
  isRoot: true,
  session: null,
};

function principalOfRow(row: ApiKeyRow | null): Principal {
  if (row === null) throw unauthorized("The API key is not known.");
  if (row.revokedAt !== null) throw unauthorized("The API key has been revoked.");
  if (row.expiresAt !== null && row.expiresAt <= Date.now()) {
    throw unauthorized(`The API key expired at ${new Date(row.expiresAt).toISOString()}.`);
  }
  return {
    accountId: row.accountId,
    keyId: row.id,
    scopes: row.scopes,
    isRoot: false,
    session: null,
  };
}

/** The principal of the session's cookie; null without one. The key behind it is looked up every time. */
async function principalOfSession(c: Context<AppEnv>): Promise<Principal | null> {
  const session = await sessionOf(c, Date.now());
  switch (session.status) {
    case "none":
      return null;
    case "invalid":
      throw unauthorized("The session is not valid: sign in again.");
    case "expired":
      throw unauthorized(
        `The session expired at ${new Date(session.expiresAt).toISOString()}: sign in again.`,
      );
    case "ok": {
      if (!mayUseCookie(c)) {
        throw new ApiError(
          "FORBIDDEN",
          "A session may be used by the pages of its own origin alone; others send a key.",
        );
      }
      const principal =
        session.keyId === null
          ? rootPrincipal
          : principalOfRow(await findKey(c.env.DB, session.keyId));
      return { ...principal, session: { expiresAt: session.expiresAt } };
    }
  }
}

/** A key that is given counts before a cookie that came along. */
async function identify(c: Context<AppEnv>): Promise<Principal> {
  const key = bearerToken(c) ?? c.req.header("x-api-key")?.trim();
  if (key) return principalOfKey(c, key);
  const principal = await principalOfSession(c);
  if (principal === null) {
    throw unauthorized(
      "No API key was given: send 'Authorization: Bearer <key>' or 'X-API-KEY: <key>'.",
    );
  }
  return principal;
}

/** Whether any route beyond middleware answers this method and path. Middleware is registered for ALL. */
function isKnownRoute(c: Context<AppEnv>): boolean {
  return matchedRoutes(c).some((route) => route.method !== "ALL");
}

/**
 * Sets `principal`, or refuses. An unknown route is 404 with or without a key: what routes there are is
 * public, and a mistyped path should not look like a bad key.
 */
export function authenticate(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!isKnownRoute(c)) return c.notFound();
    c.set("principal", await identify(c));
    return next();
  };
}

/** `admin` includes the others; `read` and `write` stand alone, so that an ingest key can be write-only. */
function hasScope(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope) || principal.scopes.includes("admin");
}

/** Route middleware: refuses a key without the scope. */
export function requireScope(scope: Scope): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const principal = c.get("principal");
    if (!hasScope(principal, scope)) {
      const held = principal.scopes.map((name) => `'${name}'`).join(", ");
      throw new ApiError("FORBIDDEN", `This needs the scope '${scope}'; the key has ${held}.`);
    }
    await next();
  };
}
