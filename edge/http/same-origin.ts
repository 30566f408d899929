/**
 * Whether a browser's own page made a request. A cookie goes along with requests that other pages cause, and
 * `SameSite=Strict` stops only other sites: another port or subdomain is the same site.
 */
import type { Context } from "hono";
import type { AppEnv } from "./context.ts";

/**
 * `own`: a page of this origin. `direct`: the address bar, a bookmark, or a link opened by hand. `foreign`: any
 * other page. `unknown`: the client sent neither header, which no browser of today does on what changes anything.
 */
export type RequestSource = "own" | "direct" | "foreign" | "unknown";

/**
 * Reads `Sec-Fetch-Site` (W3C Fetch Metadata), which scripts cannot set, or else `Origin`, which is all that there
 * is over plain http.
 */
export function requestSource(c: Context<AppEnv>): RequestSource {
  const site = c.req.header("sec-fetch-site");
  const origin = c.req.header("origin");
  if (site !== undefined) {
    if (site === "same-origin") return "own";
    return site === "none" ? "direct" : "foreign";
  }
  if (origin === undefined) return "unknown";
  // Behind a proxy that ends TLS the Worker sees http: the hosts alone are compared. `null` is nobody's origin.
  const host = URL.parse(origin)?.host;
  return host === new URL(c.req.url).host ? "own" : "foreign";
}

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Whether a request may use the session's cookie. What changes something must come from our own page; so must a
 * socket, which no CORS rule guards. What only reads may also be opened directly, or come from what says nothing.
 */
export function mayUseCookie(c: Context<AppEnv>): boolean {
  const source = requestSource(c);
  const opensSocket = c.req.header("upgrade") !== undefined;
  if (SAFE_METHODS.has(c.req.method) && !opensSocket) return source !== "foreign";
  return source === "own";
}
