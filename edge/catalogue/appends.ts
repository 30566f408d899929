/**
 * How far an upload has come that is sent as one stream of bytes, and who may go on with it. Whoever begins later takes
 * over: the token in `writer` is a fence, and an earlier writer that still runs changes nothing any more.
 */
import { and, eq, isNotNull } from "drizzle-orm";
import { openCatalogue } from "./db.ts";
import { uploads } from "./schema.ts";
import { openAt, type UploadRow } from "./uploads.ts";

/** Makes `writer` the one that goes on from `offset`; null when the upload is over or stands elsewhere. */
export async function beginAppend(
  db: D1Database,
  append: {
    readonly accountId: string;
    readonly uploadId: string;
    readonly offset: number;
    readonly writer: string;
    readonly now: number;
  },
): Promise<UploadRow | null> {
  const begun = await openCatalogue(db)
    .update(uploads)
    .set({ writer: append.writer })
    .where(
      and(
        eq(uploads.id, append.uploadId),
        eq(uploads.accountId, append.accountId),
        openAt(append.now),
        eq(uploads.mode, "proxied"),
        eq(uploads.received, append.offset),
      ),
    )
    .returning();
  return begun[0] ?? null;
}

/**
 * Ends whoever writes: nothing that is still on its way moves the upload any more, so that the offset that is read next
 * stands until somebody goes on from it.
 */
export async function endAppend(
  db: D1Database,
  accountId: string,
  uploadId: string,
  now: number,
): Promise<void> {
  await openCatalogue(db)
    .update(uploads)
    .set({ writer: null })
    .where(
      and(
        eq(uploads.id, uploadId),
        eq(uploads.accountId, accountId),
        openAt(now),
        isNotNull(uploads.writer),
      ),
    );
}

/**
 * Records that everything before `received` is stored, what follows the last whole part under the key `tail`. False
 * when another writer has taken over or the upload is over.
 */
export async function advanceAppend(
  db: D1Database,
  uploadId: string,
  writer: string,
  reached: { readonly received: number; readonly tail: string | null },
): Promise<boolean> {
  const advanced = await openCatalogue(db)
    .update(uploads)
    .set(reached)
    .where(and(eq(uploads.id, uploadId), eq(uploads.writer, writer), eq(uploads.state, "open")))
    .returning({ id: uploads.id });
  return advanced.length > 0;
}

/** Uploads that have every byte and that nobody completed: their writer crashed at the last step. */
export async function listWhole(
  db: D1Database,
  now: number,
  limit: number,
): Promise<readonly UploadRow[]> {
  return openCatalogue(db)
    .select()
    .from(uploads)
    .where(and(openAt(now), eq(uploads.mode, "proxied"), eq(uploads.received, uploads.size)))
    .limit(limit);
}
