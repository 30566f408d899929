/** What the playlists of a divided job show, found as the edge finds it. */
import type { PartsEffect } from "../../../edge/domain/effects.ts";
import { type IndexedFile, prefixLength } from "../../../protocol/chunks/assemble.ts";

/** More than any plan of a history has. */
const MOST_CHUNKS = 100;

export class SimPlaylists {
  /** What was accepted of each run's chunks. */
  readonly #files = new Map<string, IndexedFile[]>();

  /** The chunks that a playlist shows once these files are accepted, too. */
  accept({ jobId, run, chunk, files }: PartsEffect): readonly number[] {
    const accepted = this.#files.get(`${jobId}/${run}`) ?? [];
    this.#files.set(`${jobId}/${run}`, accepted);
    for (const { name: filename, index } of files) {
      if (index?.track === "video" && chunk !== null)
        accepted.push({ kind: "chunk", chunk, filename, index });
    }
    const renditions = new Set(accepted.map(({ index }) => index.rendition));
    const length = prefixLength(accepted, [...renditions], renditions.size * MOST_CHUNKS);
    return Array.from({ length }, (_, at) => at);
  }
}
