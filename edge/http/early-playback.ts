/** A presentation that can be played before its job has ended, or that ended before it was whole. */

import { contentTypeOf } from "../../protocol/media.ts";
import { findPart, findPlan, listParts } from "../catalogue/job-parts.ts";
import type { Env } from "../env.ts";
import { toHex } from "../hex.ts";
import { needOfPlaylist, renderPlaylist, renditionsOf } from "../media/growing-playlists.ts";
import { isNotModified } from "../media/ranges.ts";
import type { Store } from "../media/store.ts";
import { serveObject } from "./serve-object.ts";

/** What is looked for, in the record alone. */
export interface PartRequest {
  readonly jobId: string;
  readonly run: number;
  readonly name: string;
  readonly cacheControl: string;
}

/** The bytes of an accepted part (a chunk's file, the audio's, cues), or null when there is none of that name. */
export async function servePart(
  env: Env,
  store: Store,
  request: Request,
  { jobId, run, name, cacheControl }: PartRequest,
): Promise<Response | null> {
  const part = await findPart(env.DB, jobId, run, name);
  return part === null ? null : serveObject(request, store, part, { filename: name, cacheControl });
}

/**
 * The playlist of that name as it is now, or null when there is none, or nothing to list yet. It changes, so caches ask
 * again each time; the tag is its text's, so that they are seldom answered with more than a 304.
 */
export async function servePlaylist(
  env: Env,
  request: Request,
  { jobId, run, name }: PartRequest,
  state: "growing" | "ended",
): Promise<Response | null> {
  const plan = await findPlan(env.DB, jobId, run);
  const need = plan === null ? null : needOfPlaylist(plan.facts, name);
  if (plan === null || need === null) return null;
  const files = await listParts(env.DB, { jobId, run }, renditionsOf(need), need.isFirstOnly);
  const named = files.map((file) => ({ ...file, filename: file.name }));
  const text = renderPlaylist(plan, need, named, state);
  if (text === null) return null;
  const body = new TextEncoder().encode(text);
  const etag = await tagOf(body);
  const headers = new Headers({
    "cache-control": "no-cache",
    "content-type": contentTypeOf.hls,
    "x-content-type-options": "nosniff",
    etag: `"${etag}"`,
  });
  if (isNotModified(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  headers.set("content-length", String(body.length));
  return new Response(request.method === "HEAD" ? null : body, { headers });
}

async function tagOf(body: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  return toHex(digest.subarray(0, 16));
}
