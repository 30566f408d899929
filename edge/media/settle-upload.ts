/**
 * Turns a claimed upload into a video. Every step may be repeated: a crash after the store has joined the parts
 * is found by looking at the object, and what is written twice is written the same.
 */
import {
  listParts,
  publishUpload,
  type Rejection,
  rejectUpload,
  releaseClaim,
  replaceParts,
  type UploadRow,
} from "../catalogue/uploads.ts";
import type { VideoRow } from "../catalogue/videos.ts";
import { sourceExtensionOf } from "./filename.ts";
import { deleteDoomed, type FreeDeps, freeUpload } from "./free-upload.ts";
import { probeHead } from "./head-probe.ts";
import { inspectSource } from "./inspect-source.ts";
import { sourceKey } from "./keys.ts";
import {
  checkDirectParts,
  checkProxiedParts,
  type ListedPart,
  type PartCheck,
  type PartChoice,
  partLists,
} from "./part-check.ts";
import { sizeOfPart } from "./part-plan.ts";
import type { Store, StoredObject } from "./store.ts";

export interface UploadDeps extends FreeDeps {
  readonly settings: { readonly maxFileSizeMb: number };
}

export type Settled =
  | { readonly status: "ready"; readonly video: VideoRow }
  /** The claim was given back: parts may be sent, and complete called again. */
  | { readonly status: "incomplete"; readonly detail: string }
  /** Refused for good; nothing of it is stored any more. */
  | { readonly status: "rejected"; readonly rejection: Rejection }
  | { readonly status: "gone" };

/** Every combination of ETags of overlapping part writes is a call to the store: this many are tried. */
const MAX_PART_LISTS = 64;

/**
 * Finishes an upload whose claim the caller holds. `listed` is the client's list of parts, if it gave one. What
 * fails unexpectedly gives the claim back: whoever is next finds how far this one came.
 */
export async function settleUpload(
  deps: UploadDeps,
  upload: UploadRow,
  listed: readonly ListedPart[] | null,
): Promise<Settled> {
  try {
    return await settle(deps, upload, listed);
  } catch (error) {
    await releaseClaim(deps.db, upload);
    throw error;
  }
}

async function settle(
  deps: UploadDeps,
  upload: UploadRow,
  listed: readonly ListedPart[] | null,
): Promise<Settled> {
  const joined = await joinParts(deps, upload, listed);
  if (joined.status === "incomplete") {
    await releaseClaim(deps.db, upload);
    return joined;
  }
  if (joined.status === "gone") {
    await freeUpload(deps, upload);
    return joined;
  }
  const { object } = joined;
  const rejection = await inspectSource(deps, upload, object);
  if (rejection !== null) {
    if (!(await rejectUpload(deps.db, upload, rejection, object.key, deps.now()))) {
      throw new Error(
        `Upload ${upload.id} was completed by another claimant that judged otherwise.`,
      );
    }
    await deleteDoomed(deps, [object.key]);
    return { status: "rejected", rejection };
  }
  const extension = sourceExtensionOf(upload.filename) ?? "mp4";
  const metadata = await probeHead(deps.store, object, extension);
  const { size, etag } = object;
  const video = await publishUpload(deps.db, upload, { size, etag, metadata });
  if (video !== null) return { status: "ready", video };
  // The video was deleted while its upload completed.
  await freeUpload(deps, upload);
  return { status: "gone" };
}

type Joined =
  | { readonly status: "ok"; readonly object: StoredObject }
  | { readonly status: "incomplete"; readonly detail: string }
  | { readonly status: "gone" };

async function joinParts(
  deps: UploadDeps,
  upload: UploadRow,
  listed: readonly ListedPart[] | null,
): Promise<Joined> {
  const checked = await checkParts(deps, upload, listed);
  const key = sourceKey(upload.accountId, upload.videoId);
  if (checked.status === "incomplete") {
    // A claimant that died after the store had joined the parts left them unchecked for us, but joined.
    return (await joinedBefore(deps.store, key)) ?? checked;
  }
  let detail = "";
  for (const parts of partLists(checked.parts, MAX_PART_LISTS)) {
    const done = await deps.store.completeMultipart(key, upload.storeUploadId ?? "", parts);
    if (done.status === "ok") return done;
    if (done.status === "no_upload")
      return (await joinedBefore(deps.store, key)) ?? { status: "gone" };
    detail = done.detail;
  }
  return { status: "incomplete", detail: `${detail}${contested(checked.parts)}` };
}

/** The key is this upload's alone: whatever is there, an earlier completion of the same upload made it. */
async function joinedBefore(
  store: Store,
  key: string,
): Promise<{ readonly status: "ok"; readonly object: StoredObject } | null> {
  const object = await store.head(key);
  return object === null ? null : { status: "ok", object };
}

async function checkParts(
  deps: UploadDeps,
  upload: UploadRow,
  listed: readonly ListedPart[] | null,
): Promise<PartCheck> {
  const recorded = await listParts(deps.db, upload.id);
  if (upload.mode !== "direct") return checkProxiedParts(upload, recorded, listed);
  const parts = listed ?? recorded;
  if (parts.length === 0) {
    return { status: "incomplete", detail: "parts is required to complete a direct upload." };
  }
  const checked = checkDirectParts(upload, parts);
  if (checked.status === "ok" && listed !== null) {
    const kept = checked.parts.map(({ partNumber, etags }) => ({
      partNumber,
      etag: etags[0],
      size: sizeOfPart(upload, partNumber),
    }));
    await replaceParts(deps.db, upload.id, kept, deps.now());
  }
  return checked;
}

function contested(parts: readonly PartChoice[]): string {
  const numbers = parts.filter((part) => part.etags.length > 1).map((part) => part.partNumber);
  return numbers.length === 0
    ? ""
    : ` Parts that were written twice at once, to be sent again: ${numbers.join(", ")}.`;
}
