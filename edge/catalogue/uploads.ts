/**
 * Uploads and their parts. An upload is there while it has not expired, or while it is being completed; a
 * deletion expires it first, so that whatever a crash interrupts is due for the sweep.
 */
import { and, asc, eq, gt, inArray, lte, ne, or } from "drizzle-orm";
import { z } from "zod";
import { openCatalogue } from "./db.ts";
import { uploadParts, uploads, videos } from "./schema.ts";
import { findVideo, publishVideo, type ReadyVideo, type VideoRow } from "./videos.ts";

export type UploadRow = typeof uploads.$inferSelect;

/** A part as the store acknowledged it. */
export interface RecordedPart {
  readonly partNumber: number;
  readonly etag: string;
  readonly size: number;
  /**
   * ETags acknowledged to writes of this part that overlapped in time with the one that gave `etag`: the store
   * kept one of them all, and only it knows which.
   */
  readonly rivals: readonly string[];
}

/** Records an upload together with the video that it will become. */
export async function insertUpload(
  db: D1Database,
  upload: UploadRow,
  video: VideoRow,
): Promise<void> {
  const catalogue = openCatalogue(db);
  await catalogue.batch([
    catalogue.insert(videos).values(video),
    catalogue.insert(uploads).values(upload),
  ]);
}

/** The account's upload, or null where there is none, it has expired, or no client was ever told of it. */
export async function findUpload(
  db: D1Database,
  accountId: string,
  uploadId: string,
  now: number,
): Promise<UploadRow | null> {
  const row = await openCatalogue(db)
    .select()
    .from(uploads)
    .where(
      and(
        eq(uploads.id, uploadId),
        eq(uploads.accountId, accountId),
        or(gt(uploads.expiresAt, now), eq(uploads.state, "completing")),
      ),
    )
    .get();
  return row === undefined || row.mode === "streamed" ? null : row;
}

export async function listParts(
  db: D1Database,
  uploadId: string,
): Promise<readonly RecordedPart[]> {
  const rows = await openCatalogue(db)
    .select()
    .from(uploadParts)
    .where(eq(uploadParts.uploadId, uploadId))
    .orderBy(asc(uploadParts.partNumber));
  return rows.map(({ partNumber, etag, size, rivals }) => ({
    partNumber,
    etag,
    size,
    rivals: parseEtags(rivals),
  }));
}

/**
 * Records a part that the store acknowledged. Where another write of the same part was recorded after this one
 * had begun, the two overlapped: which of them the store kept is not known, so both ETags are. False when the
 * upload takes no parts any more.
 */
export async function recordPart(
  db: D1Database,
  part: {
    readonly uploadId: string;
    readonly partNumber: number;
    readonly etag: string;
    readonly size: number;
    readonly startedAt: number;
    readonly now: number;
  },
): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `INSERT INTO upload_parts (upload_id, part_number, etag, size, recorded_at, rivals)
       SELECT ?1, ?2, ?3, ?4, ?5, '[]' FROM uploads
       WHERE id = ?1 AND (state = 'completing' OR state = 'open' AND expires_at > ?5)
       ON CONFLICT (upload_id, part_number) DO UPDATE SET
         rivals = CASE WHEN upload_parts.recorded_at >= ?6
           THEN json_insert(upload_parts.rivals, '$[#]', upload_parts.etag) ELSE '[]' END,
         etag = excluded.etag, size = excluded.size, recorded_at = excluded.recorded_at`,
    )
    .bind(part.uploadId, part.partNumber, part.etag, part.size, part.now, part.startedAt)
    .run();
  return meta.changes > 0;
}

/**
 * Takes the one claim to complete an upload: from `open`, or from a claimant that has not been heard of since
 * `staleBefore`. Null when somebody else has it.
 */
export async function claimUpload(
  db: D1Database,
  uploadId: string,
  now: number,
  staleBefore: number,
): Promise<UploadRow | null> {
  const claimed = await openCatalogue(db)
    .update(uploads)
    .set({ state: "completing", claimedAt: now })
    .where(claimable(uploadId, now, staleBefore))
    .returning();
  return claimed[0] ?? null;
}

/** Open, and not expired. */
export function openAt(now: number) {
  return and(eq(uploads.state, "open"), gt(uploads.expiresAt, now));
}

function claimable(uploadId: string, now: number, staleBefore: number) {
  return and(
    eq(uploads.id, uploadId),
    or(openAt(now), and(eq(uploads.state, "completing"), lte(uploads.claimedAt, staleBefore))),
  );
}

/** Gives a claim back: the upload is open again. Nothing happens where the claim was taken over. */
export async function releaseClaim(db: D1Database, upload: UploadRow): Promise<void> {
  await openCatalogue(db)
    .update(uploads)
    .set({ state: "open", claimedAt: null })
    .where(held(upload));
}

function held(upload: UploadRow) {
  return and(
    eq(uploads.id, upload.id),
    eq(uploads.state, "completing"),
    upload.claimedAt === null ? undefined : eq(uploads.claimedAt, upload.claimedAt),
  );
}

/** Keeps the list that a direct upload is about to be completed with, so that a crash does not lose it. */
export async function replaceParts(
  db: D1Database,
  uploadId: string,
  parts: readonly { readonly partNumber: number; readonly etag: string; readonly size: number }[],
  now: number,
): Promise<void> {
  await db.batch([
    db.prepare("DELETE FROM upload_parts WHERE upload_id = ?1").bind(uploadId),
    db
      .prepare(
        `INSERT INTO upload_parts (upload_id, part_number, etag, size, recorded_at, rivals)
         SELECT ?1, value ->> 'partNumber', value ->> 'etag', value ->> 'size', ?3, '[]'
         FROM json_each(?2)`,
      )
      .bind(uploadId, JSON.stringify(parts), now),
  ]);
}

/**
 * Ends a claim well: the video is ready and the upload completed, in one transaction. Repeating it changes
 * nothing. Null when the video was deleted in the meantime.
 */
export async function publishUpload(
  db: D1Database,
  upload: UploadRow,
  ready: ReadyVideo,
): Promise<VideoRow | null> {
  await db.batch([
    publishVideo(db, upload.videoId, ready),
    db
      .prepare(
        `UPDATE uploads SET state = 'completed' WHERE id = ?1 AND state = 'completing'
         AND EXISTS (SELECT 1 FROM videos WHERE id = ?2 AND state = 'ready')`,
      )
      .bind(upload.id, upload.videoId),
    db.prepare("DELETE FROM upload_parts WHERE upload_id = ?1").bind(upload.id),
  ]);
  return findVideo(db, upload.accountId, upload.videoId);
}

/** Makes a streamed video ready and forgets how it came; null when the video was deleted in the meantime. */
export async function publishStreamed(
  db: D1Database,
  upload: UploadRow,
  ready: ReadyVideo,
): Promise<VideoRow | null> {
  await db.batch([
    publishVideo(db, upload.videoId, ready),
    db
      .prepare(
        `DELETE FROM uploads WHERE id = ?1
         AND EXISTS (SELECT 1 FROM videos WHERE id = ?2 AND state = 'ready')`,
      )
      .bind(upload.id, upload.videoId),
  ]);
  return findVideo(db, upload.accountId, upload.videoId);
}

const rejectionSchema = z.object({
  code: z.enum(["UNSUPPORTED_FORMAT", "FILE_TOO_LARGE", "UPLOAD_INCOMPLETE"]),
  detail: z.string(),
});
export type Rejection = z.infer<typeof rejectionSchema>;

/**
 * Ends a claim badly, for good: the video goes, its object is doomed, and the upload remembers why until it
 * expires, so that a repeated complete gets the same answer. False, and nothing changed, when the claim had
 * been taken over and the upload is not being completed any more.
 */
export async function rejectUpload(
  db: D1Database,
  upload: UploadRow,
  rejection: Rejection,
  key: string,
  now: number,
): Promise<boolean> {
  const rejected = "EXISTS (SELECT 1 FROM uploads WHERE uploads.id = ?1 AND state = 'rejected')";
  const [first] = await db.batch([
    db
      .prepare(
        `UPDATE uploads SET state = 'rejected', rejection = ?2
         WHERE id = ?1 AND state IN ('completing', 'rejected')`,
      )
      .bind(upload.id, JSON.stringify(rejection)),
    db
      .prepare(
        `INSERT OR IGNORE INTO doomed_objects (key, created_at) SELECT ?2, ?3 WHERE ${rejected}`,
      )
      .bind(upload.id, key, now),
    db
      .prepare(`DELETE FROM videos WHERE id = ?2 AND state = 'uploading' AND ${rejected}`)
      .bind(upload.id, upload.videoId),
    db.prepare(`DELETE FROM upload_parts WHERE upload_id = ?1 AND ${rejected}`).bind(upload.id),
  ]);
  return (first?.meta.changes ?? 0) > 0;
}

/** Why an upload was rejected, or null. */
export function rejectionOf(upload: UploadRow): Rejection | null {
  return upload.rejection === null ? null : rejectionSchema.parse(JSON.parse(upload.rejection));
}

/** Expires an upload that nobody is completing: the first step of a deletion. Null when there is none. */
export async function expireUpload(
  db: D1Database,
  accountId: string,
  uploadId: string,
): Promise<UploadRow | null> {
  const expired = await openCatalogue(db)
    .update(uploads)
    .set({ expiresAt: 0 })
    .where(
      and(
        eq(uploads.id, uploadId),
        eq(uploads.accountId, accountId),
        ne(uploads.state, "completing"),
      ),
    )
    .returning();
  return expired[0] ?? null;
}

/** Uploads of a video that was deleted and that nobody is completing. */
export async function listUploadsOfDeleted(
  db: D1Database,
  videoId: string,
): Promise<readonly UploadRow[]> {
  return openCatalogue(db)
    .select()
    .from(uploads)
    .where(
      and(
        eq(uploads.videoId, videoId),
        eq(uploads.expiresAt, 0),
        ne(uploads.state, "completing"),
        ne(uploads.mode, "streamed"),
      ),
    );
}

/**
 * The last step of a deletion: the rows, and the video that never came to be. Ready videos stay; where there is
 * none, the object under `key` is doomed with the rows, and the caller deletes it (true).
 */
export async function deleteUploadRows(
  db: D1Database,
  upload: UploadRow,
  key: string,
  now: number,
): Promise<boolean> {
  const results = await db.batch([
    db.prepare("DELETE FROM upload_parts WHERE upload_id = ?1").bind(upload.id),
    db.prepare("DELETE FROM videos WHERE id = ?1 AND state = 'uploading'").bind(upload.videoId),
    db.prepare("DELETE FROM uploads WHERE id = ?1").bind(upload.id),
    db
      .prepare(
        `INSERT INTO doomed_objects (key, created_at)
         SELECT ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM videos WHERE id = ?1)
         ON CONFLICT (key) DO UPDATE SET created_at = excluded.created_at`,
      )
      .bind(upload.videoId, key, now),
  ]);
  return (results[3]?.meta.changes ?? 0) > 0;
}

/** Remembers the multipart upload that a streamed one has needed. */
export async function setStoreUpload(
  db: D1Database,
  uploadId: string,
  storeUploadId: string,
): Promise<void> {
  await openCatalogue(db).update(uploads).set({ storeUploadId }).where(eq(uploads.id, uploadId));
}

/** Uploads that are over but still have rows: expired ones that nobody is completing. */
export async function listExpired(
  db: D1Database,
  now: number,
  limit: number,
): Promise<readonly UploadRow[]> {
  return openCatalogue(db)
    .select()
    .from(uploads)
    .where(
      and(inArray(uploads.state, ["open", "completed", "rejected"]), lte(uploads.expiresAt, now)),
    )
    .orderBy(asc(uploads.expiresAt))
    .limit(limit);
}

/** Claims that a crash left behind. */
export async function listStuck(
  db: D1Database,
  staleBefore: number,
  limit: number,
): Promise<readonly UploadRow[]> {
  return openCatalogue(db)
    .select()
    .from(uploads)
    .where(and(eq(uploads.state, "completing"), lte(uploads.claimedAt, staleBefore)))
    .limit(limit);
}

function parseEtags(json: string): readonly string[] {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
