/** Videos: the sources that were uploaded. Every read names its account. */
import { and, desc, eq, lt } from "drizzle-orm";
import type { VideoMetadata } from "../../protocol/media.ts";
import { openCatalogue } from "./db.ts";
import { videos } from "./schema.ts";

export type VideoRow = typeof videos.$inferSelect;

export async function findVideo(
  db: D1Database,
  accountId: string,
  videoId: string,
): Promise<VideoRow | null> {
  const row = await openCatalogue(db)
    .select()
    .from(videos)
    .where(and(eq(videos.id, videoId), eq(videos.accountId, accountId)))
    .get();
  return row ?? null;
}

/** Newest first; those after `before` when it is given. */
export async function listVideos(
  db: D1Database,
  accountId: string,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly VideoRow[]> {
  return openCatalogue(db)
    .select()
    .from(videos)
    .where(
      and(
        eq(videos.accountId, accountId),
        page.before === null ? undefined : lt(videos.id, page.before),
      ),
    )
    .orderBy(desc(videos.id))
    .limit(page.limit);
}

export interface ReadyVideo {
  readonly size: number;
  readonly etag: string;
  readonly metadata: VideoMetadata | null;
}

/** The statement that makes a video ready; it changes nothing where the video is ready or gone already. */
export function publishVideo(
  db: D1Database,
  videoId: string,
  ready: ReadyVideo,
): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE videos SET state = 'ready', size = ?2, etag = ?3, metadata = ?4
       WHERE id = ?1 AND state = 'uploading'`,
    )
    .bind(
      videoId,
      ready.size,
      ready.etag,
      ready.metadata === null ? null : JSON.stringify(ready.metadata),
    );
}

export type VideoDeletion =
  | { readonly status: "deleted"; readonly key: string }
  | { readonly status: "busy"; readonly jobId: string }
  | { readonly status: "missing" };

/**
 * Deletes the video unless a live job reads it. One transaction: the row goes only where there is no active
 * work, its object is doomed with it, and an upload that still feeds it ends. The caller deletes the object.
 */
export async function deleteVideo(
  db: D1Database,
  accountId: string,
  videoId: string,
  now: number,
): Promise<VideoDeletion> {
  const idle = `id = ?1 AND account_id = ?2
    AND NOT EXISTS (SELECT 1 FROM active_inputs WHERE active_inputs.video_id = videos.id)`;
  const [, deleted] = await db.batch<{ key: string }>([
    db
      .prepare(
        `INSERT OR IGNORE INTO doomed_objects (key, created_at) SELECT key, ?3 FROM videos WHERE ${idle}`,
      )
      .bind(videoId, accountId, now),
    db.prepare(`DELETE FROM videos WHERE ${idle} RETURNING key`).bind(videoId, accountId),
    // 0: over for every reader at once, and due for the sweep should this request end here.
    db
      .prepare(
        `UPDATE uploads SET expires_at = 0 WHERE video_id = ?1 AND account_id = ?2
         AND NOT EXISTS (SELECT 1 FROM videos WHERE videos.id = ?1)`,
      )
      .bind(videoId, accountId),
  ]);
  const key = deleted?.results[0]?.key;
  if (key !== undefined) return { status: "deleted", key };
  const busy = await db
    .prepare(
      `SELECT active_inputs.job_id AS jobId FROM active_inputs
       JOIN videos ON videos.id = active_inputs.video_id
       WHERE videos.id = ?1 AND videos.account_id = ?2 ORDER BY active_inputs.job_id LIMIT 1`,
    )
    .bind(videoId, accountId)
    .first<{ jobId: string }>();
  if (busy !== null) return { status: "busy", jobId: busy.jobId };
  // Idle now, and still there: the job ended between the two looks. The client's retry will succeed, ours too.
  const row = await findVideo(db, accountId, videoId);
  return row === null ? { status: "missing" } : deleteVideo(db, accountId, videoId, now);
}

/** Keys whose objects are still to be deleted, oldest first. */
export async function listDoomed(db: D1Database, limit: number): Promise<readonly string[]> {
  const { results } = await db
    .prepare("SELECT key FROM doomed_objects ORDER BY created_at LIMIT ?1")
    .bind(limit)
    .all<{ key: string }>();
  return results.map((row) => row.key);
}

/** Forgets keys whose objects are gone. */
export async function forgetDoomed(db: D1Database, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await db
    .prepare("DELETE FROM doomed_objects WHERE key IN (SELECT value FROM json_each(?1))")
    .bind(JSON.stringify(keys))
    .run();
}
