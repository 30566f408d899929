/**
 * The dashboard at `/`: static files, served under a policy that lets the page load nothing but its own scripts and
 * speak to nobody but this origin and, for direct uploads, the store.
 */
import { type Context, Hono } from "hono";
import type { Settings } from "../env.ts";
import type { AppEnv } from "./context.ts";
import { ApiError } from "./errors.ts";

/** Names of scripts and styles carry a hash of their contents. */
const FOREVER = "public, max-age=31536000, immutable";

function contentSecurityPolicy(settings: Settings): string {
  const store = settings.direct === null ? "" : ` ${new URL(settings.direct.endpoint).origin}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    // Players hand the video element a MediaSource, which is a blob.
    "media-src 'self' blob:",
    `connect-src 'self'${store}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

/** What every answer carries, whatever the asset server says. */
function guarded(answer: Response, settings: Settings, cacheControl: string): Response {
  const headers = new Headers(answer.headers);
  headers.set("content-security-policy", contentSecurityPolicy(settings));
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("permissions-policy", "camera=(), microphone=(), geolocation=()");
  headers.set("cache-control", cacheControl);
  return new Response(answer.body, { status: answer.status, headers });
}

/** A page under its own path: the asset server answers `/index.html` and `/docs.html` with redirects to these. */
async function page(c: Context<AppEnv>): Promise<Response> {
  const { ASSETS } = c.env;
  if (ASSETS === undefined) {
    throw new ApiError("NOT_FOUND", "This deployment was made without the dashboard.");
  }
  const answer = await ASSETS.fetch(new Request(new URL(c.req.path, c.req.url), c.req.raw));
  return guarded(answer, c.get("settings"), "no-cache");
}

export const dashboardRoutes = new Hono<AppEnv>()
  .get("/", page)
  .get("/docs", page)
  .get("/assets/:file", async (c) => {
    const answer = await c.env.ASSETS?.fetch(c.req.raw);
    if (answer === undefined || answer.status >= 400) return c.notFound();
    return guarded(answer, c.get("settings"), FOREVER);
  });
