/** The scheduled sweep of uploads: what expired, what a crash left behind, what is still to be deleted. */
import { listWhole } from "../catalogue/appends.ts";
import { claimUpload, listExpired, listStuck } from "../catalogue/uploads.ts";
import { listDoomed } from "../catalogue/videos.ts";
import type { Env, Settings } from "../env.ts";
import { logError } from "../log.ts";
import { CLAIM_STALE_MS } from "./complete-upload.ts";
import { createStore } from "./create-store.ts";
import { deleteDoomed, freeUpload } from "./free-upload.ts";
import { settleUpload, type UploadDeps } from "./settle-upload.ts";

/** Each sweep does a bounded amount of work; the next minute's goes on. */
const MAX_UPLOADS = 100;
/** The store deletes at most 1,000 objects in one call. */
const MAX_OBJECTS = 1000;

/** Runs one sweep at `now` (milliseconds since the epoch). One upload that fails does not keep the others. */
export async function sweepUploads(env: Env, settings: Settings, now: number): Promise<void> {
  const deps = { db: env.DB, store: createStore(env, settings), settings, now: () => now };
  const parts = {
    stuck: () => finishStuck(deps, now),
    whole: () => finishWhole(deps, now),
    expired: () => freeExpired(deps, now),
    doomed: () => sweepDoomed(deps),
  };
  await Promise.all(
    Object.entries(parts).map(([part, run]) =>
      run().catch((error) => logError("sweep_uploads", { part }, error)),
    ),
  );
}

/** Claims whose holder died are finished: the client that asked was never answered, and may not ask again. */
async function finishStuck(deps: UploadDeps, now: number): Promise<void> {
  const staleBefore = now - CLAIM_STALE_MS;
  await eachInTurn(await listStuck(deps.db, staleBefore, MAX_UPLOADS), async ({ id }) => {
    const claimed = await claimUpload(deps.db, id, now, staleBefore);
    if (claimed !== null) await settleUpload(deps, claimed, null);
  });
}

/** Appended uploads whose last request died between their last byte and their completion. */
async function finishWhole(deps: UploadDeps, now: number): Promise<void> {
  await eachInTurn(await listWhole(deps.db, now, MAX_UPLOADS), async ({ id }) => {
    const claimed = await claimUpload(deps.db, id, now, now - CLAIM_STALE_MS);
    if (claimed !== null) await settleUpload(deps, claimed, null);
  });
}

async function freeExpired(deps: UploadDeps, now: number): Promise<void> {
  const expired = await listExpired(deps.db, now, MAX_UPLOADS);
  await eachInTurn(expired, (upload) => freeUpload(deps, upload));
}

/** One at a time, for memory's sake; what fails is reported, and left to the next sweep. */
async function eachInTurn<T extends { readonly id: string }>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (const item of items) {
    await work(item).catch((error) => logError("sweep_upload", { uploadId: item.id }, error));
  }
}

async function sweepDoomed(deps: UploadDeps): Promise<void> {
  const keys = await listDoomed(deps.db, MAX_OBJECTS);
  if (keys.length > 0) await deleteDoomed(deps, keys);
}
