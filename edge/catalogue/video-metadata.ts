/** What an agent's probe found of a source that the edge could not read itself. */
import type { VideoMetadata } from "../../protocol/media.ts";

/** Fills in the video's metadata where it has none; what the edge read at upload stays. */
export async function setMetadataIfMissing(
  db: D1Database,
  found: {
    readonly accountId: string;
    readonly videoId: string;
    readonly metadata: VideoMetadata;
  },
): Promise<void> {
  await db
    .prepare(
      "UPDATE videos SET metadata = ?3 WHERE id = ?1 AND account_id = ?2 AND metadata IS NULL",
    )
    .bind(found.videoId, found.accountId, JSON.stringify(found.metadata))
    .run();
}
