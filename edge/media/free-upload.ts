/** Gives back everything an upload or a deleted video held. */
import { deleteUploadRows, type UploadRow } from "../catalogue/uploads.ts";
import { forgetDoomed } from "../catalogue/videos.ts";
import { sourceKey, tailPrefix } from "./keys.ts";
import type { Store } from "./store.ts";

export interface FreeDeps {
  readonly db: D1Database;
  readonly store: Store;
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * Frees the parts of an upload that is over, then its rows, then the object unless a video stands on it. In
 * that order whatever a crash leaves is still written down, and due for the sweep.
 */
export async function freeUpload(deps: FreeDeps, upload: UploadRow): Promise<void> {
  const key = sourceKey(upload.accountId, upload.videoId);
  if (upload.storeUploadId !== null && upload.state !== "completed") {
    await deps.store.abortMultipart(key, upload.storeUploadId);
  }
  if (upload.received > 0) await deleteTails(deps, upload);
  const isDoomed = await deleteUploadRows(deps.db, upload, key, deps.now());
  if (isDoomed) await deleteDoomed(deps, [key]);
}

/** The tail there is, and those that requests which broke off never took away. */
async function deleteTails({ store }: FreeDeps, upload: UploadRow): Promise<void> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Awaited<ReturnType<Store["list"]>> = await store.list(tailPrefix(upload), cursor);
    const keys = page.objects.map(({ key }) => key);
    if (keys.length > 0) await store.delete(keys);
    cursor = page.cursor;
  }
}

/** Deletes objects whose deletion was written down. */
export async function deleteDoomed(deps: FreeDeps, keys: readonly string[]): Promise<void> {
  await deps.store.delete(keys);
  await forgetDoomed(deps.db, keys);
}
