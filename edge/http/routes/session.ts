/** `/v1/session`: a key is exchanged for a cookie, which the dashboard lives by, and the cookie is taken back. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  type Session,
  sessionRequestSchema,
  sessionSchema,
} from "../../../protocol/http/session.ts";
import { principalOfKey } from "../auth.ts";
import type { AppEnv, Principal } from "../context.ts";
import { ApiError } from "../errors.ts";
import { jsonBody } from "../json-body.ts";
import { answers, commonErrors, jsonRequest } from "../openapi.ts";
import { requestSource } from "../same-origin.ts";
import { SESSION_SECONDS, setSessionCookie, signSession } from "../session.ts";
import { isoTimeOrNull } from "../time.ts";

const example: Session = {
  accountId: "default",
  keyId: "key_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA",
  scopes: ["read", "write"],
  expiresAt: "2026-11-23T17:01:02.345Z",
};

const cookieHeader = {
  "Set-Cookie": {
    description: "HttpOnly, SameSite=Strict, Path=/; Secure over https.",
    schema: { type: "string" as const },
  },
};

const signIn = createRoute({
  method: "post",
  path: "/session",
  operationId: "signIn",
  tags: ["Session"],
  summary: "Exchange a key for a session cookie",
  description:
    "For browsers: the key itself then need not be kept anywhere. The session may do what the key may, for 24 " +
    "hours, and ends with the key. Pages of other origins are refused. Programs send their key instead.",
  security: [],
  middleware: jsonBody(),
  request: { body: jsonRequest(sessionRequestSchema, { key: "tlk_..." }) },
  responses: answers({ 201: { schema: sessionSchema, example, headers: cookieHeader } }, [
    "VALIDATION_ERROR",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "CONFIG_ERROR",
    "ENGINE_ERROR",
  ]),
});

const signOut = createRoute({
  method: "delete",
  path: "/session",
  operationId: "signOut",
  tags: ["Session"],
  summary: "Take the session cookie back",
  description: "Also where there is none. To end sessions elsewhere, revoke their key.",
  security: [],
  responses: {
    204: { description: "The browser forgets the session.", headers: cookieHeader },
    ...answers({}, ["FORBIDDEN", "CONFIG_ERROR", "ENGINE_ERROR"]),
  },
});

const whoAmI = createRoute({
  method: "get",
  path: "/session",
  operationId: "getSession",
  tags: ["Session"],
  summary: "Who is asking, and what they may do",
  responses: answers({ 200: { schema: sessionSchema, example } }, commonErrors),
});

function sessionView(principal: Principal, expiresAt: number | null): Session {
  return {
    accountId: principal.accountId,
    keyId: principal.keyId,
    scopes: [...principal.scopes],
    expiresAt: isoTimeOrNull(expiresAt),
  };
}

/** Nobody is to be signed in, or out, by a page that they merely visit. */
function refuseForeign(c: Context<AppEnv>): void {
  if (requestSource(c) !== "foreign") return;
  throw new ApiError(
    "FORBIDDEN",
    "A session begins and ends by the pages of its own origin alone.",
  );
}

/** Mounted before the key is looked at. */
export const signInRoutes = new OpenAPIHono<AppEnv>()
  .openapi(signIn, async (c) => {
    refuseForeign(c);
    const principal = await principalOfKey(c, c.req.valid("json").key.trim());
    const expiresAt = Date.now() + SESSION_SECONDS * 1000;
    const token = await signSession(c.get("settings"), principal.keyId, expiresAt);
    setSessionCookie(c, token, SESSION_SECONDS);
    return c.json(sessionView(principal, expiresAt), 201);
  })
  .openapi(signOut, (c) => {
    refuseForeign(c);
    setSessionCookie(c, "", 0);
    return c.body(null, 204);
  });

export const sessionRoutes = new OpenAPIHono<AppEnv>().openapi(whoAmI, (c) => {
  const principal = c.get("principal");
  return c.json(sessionView(principal, principal.session?.expiresAt ?? null), 200);
});
