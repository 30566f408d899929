/** Completing and deleting an upload, however many ask at once and whoever crashed before. */
import {
  claimUpload,
  expireUpload,
  findUpload,
  rejectionOf,
  type UploadRow,
} from "../catalogue/uploads.ts";
import { findVideo } from "../catalogue/videos.ts";
import { freeUpload } from "./free-upload.ts";
import type { ListedPart } from "./part-check.ts";
import { type Settled, settleUpload, type UploadDeps } from "./settle-upload.ts";

/**
 * A claimant that has not finished by now has crashed: joining 10,000 parts takes the store seconds, and reading
 * the head has a budget of 5. Taking over one that is merely slow does no harm, the steps may be repeated.
 */
export const CLAIM_STALE_MS = 60_000;

/** How long a request waits for another one that completes the same upload. */
const WAIT_MS = 30_000;
const POLL_MS = 50;

export type Completion =
  | Settled
  /** Somebody else is still at it. */
  | { readonly status: "busy" };

/**
 * Completes the account's upload: exactly one caller at a time holds the claim and does the work, the others
 * wait for its outcome and answer the same.
 */
export async function completeUpload(
  deps: UploadDeps,
  accountId: string,
  uploadId: string,
  listed: readonly ListedPart[] | null,
): Promise<Completion> {
  const deadline = deps.now() + WAIT_MS;
  for (;;) {
    const upload = await findUpload(deps.db, accountId, uploadId, deps.now());
    if (upload === null) return { status: "gone" };
    const outcome = await outcomeOf(deps, upload);
    if (outcome !== null) return outcome;
    const claimed = await claimUpload(deps.db, uploadId, deps.now(), deps.now() - CLAIM_STALE_MS);
    if (claimed !== null) return settleUpload(deps, claimed, listed);
    if (deps.now() >= deadline) return { status: "busy" };
    await scheduler.wait(POLL_MS);
  }
}

/** How an earlier completion ended, or null where none has. */
async function outcomeOf(deps: UploadDeps, upload: UploadRow): Promise<Settled | null> {
  if (upload.state === "completed") {
    const video = await findVideo(deps.db, upload.accountId, upload.videoId);
    return video === null ? { status: "gone" } : { status: "ready", video };
  }
  const rejection = rejectionOf(upload);
  return rejection === null ? null : { status: "rejected", rejection };
}

/**
 * Deletes the account's upload and frees its parts; a video that it has become stays. Waits for a completion
 * that is under way, since what that one decides cannot be taken back half-way.
 */
export async function deleteUpload(
  deps: UploadDeps,
  accountId: string,
  uploadId: string,
): Promise<"deleted" | "missing" | "busy"> {
  const deadline = deps.now() + WAIT_MS;
  for (;;) {
    const upload = await findUpload(deps.db, accountId, uploadId, deps.now());
    if (upload === null) return "missing";
    const expired = await expireUpload(deps.db, accountId, uploadId);
    if (expired !== null) {
      await freeUpload(deps, expired);
      return "deleted";
    }
    if (deps.now() >= deadline) return "busy";
    await scheduler.wait(POLL_MS);
  }
}
