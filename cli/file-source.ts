/** A file on disk as something that is sent in parts. */
import type { FileHandle } from "node:fs/promises";
import path from "node:path";
import type { FileSource } from "../client/send-file.ts";

const CHANGED = "The file was changed while it went up. Send it again when it stays as it is.";

/** Each part is read when its turn comes; a file that changes meanwhile is refused, not sent as a mixture. */
export async function fileSource(handle: FileHandle, file: string): Promise<FileSource> {
  const { size, mtimeMs } = await handle.stat();
  return {
    filename: path.basename(file),
    size,
    slice: async (start, end) => {
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(
          bytes,
          filled,
          bytes.length - filled,
          start + filled,
        );
        if (bytesRead === 0) throw new Error(CHANGED);
        filled += bytesRead;
      }
      const now = await handle.stat();
      if (now.size !== size || now.mtimeMs !== mtimeMs) throw new Error(CHANGED);
      return bytes;
    },
  };
}
