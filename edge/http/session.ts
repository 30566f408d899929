/**
 * Sessions of the dashboard: a signed token in a cookie that no script can read. The token names its key and is
 * good as long as the key is: each request looks the key up again, so revoking it ends its sessions at once.
 */
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import type { Settings } from "../env.ts";
import { readToken, signToken } from "../media/token.ts";
import { sha256Hex } from "../secrets.ts";
import type { AppEnv } from "./context.ts";

/** A day: long enough for a working day, short enough for a laptop that was left open. */
export const SESSION_SECONDS = 86_400;

const PURPOSE = "session/1";
/** Key id (null for the root key), and the end in milliseconds since the epoch. */
const payloadSchema = z.tuple([z.string().nullable(), z.number()]);

export type SessionResult =
  | { readonly status: "none" }
  | { readonly status: "invalid" }
  | { readonly status: "expired"; readonly expiresAt: number }
  | { readonly status: "ok"; readonly keyId: string | null; readonly expiresAt: number };

/**
 * A root session is signed for the root key's hash, too: the root key has no row that could be revoked, and one
 * that was replaced must sign nobody in.
 */
async function purposeFor(settings: Settings, isRoot: boolean): Promise<string> {
  return isRoot ? `${PURPOSE}/root/${await sha256Hex(settings.rootApiKey)}` : PURPOSE;
}

/** Signs a session of a key (null: the root key) that ends at `expiresAt`, milliseconds since the epoch. */
export async function signSession(
  settings: Settings,
  keyId: string | null,
  expiresAt: number,
): Promise<string> {
  const purpose = await purposeFor(settings, keyId === null);
  return signToken(settings.signingSecret, purpose, [keyId, expiresAt]);
}

async function readSession(settings: Settings, token: string, now: number): Promise<SessionResult> {
  for (const isRoot of [false, true]) {
    const purpose = await purposeFor(settings, isRoot);
    const read = await readToken(settings.signingSecret, purpose, token);
    if (read === null) continue;
    const [keyId, expiresAt] = payloadSchema.parse(read.payload);
    if ((keyId === null) !== isRoot) return { status: "invalid" };
    return expiresAt <= now ? { status: "expired", expiresAt } : { status: "ok", keyId, expiresAt };
  }
  return { status: "invalid" };
}

/**
 * Over https the name carries `__Host-` (RFC 6265bis section 4.1.3.2): no subdomain and no plain-http page can set
 * it. On plain http, as on a laptop, browsers would refuse that name.
 */
function cookieShape(c: Context<AppEnv>) {
  const isSecure = new URL(c.req.url).protocol === "https:";
  return { name: isSecure ? "__Host-telecine_session" : "telecine_session", isSecure };
}

/** The session that the request's cookie stands for. Whether its key still lives is the caller's to ask. */
export async function sessionOf(c: Context<AppEnv>, now: number): Promise<SessionResult> {
  const token = getCookie(c, cookieShape(c).name);
  if (token === undefined || token === "") return { status: "none" };
  return readSession(c.get("settings"), token, now);
}

/** Sets the cookie for `maxAgeSeconds`; an empty token and 0 take it back. */
export function setSessionCookie(c: Context<AppEnv>, token: string, maxAgeSeconds: number): void {
  const { name, isSecure } = cookieShape(c);
  setCookie(c, name, token, {
    httpOnly: true,
    sameSite: "Strict",
    secure: isSecure,
    path: "/",
    maxAge: maxAgeSeconds,
  });
}
