/** The shared client with what only a process can do: read a file from disk. */
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { ApiClient } from "../client/client.ts";
import { type FileSource, sendFile, sendPartByFetch } from "../client/send-file.ts";
import type { Video } from "../protocol/http/videos.ts";

export { ApiFailure } from "../client/failure.ts";

export interface UploadProgress {
  readonly part: number;
  readonly parts: number;
  readonly sentBytes: number;
  readonly totalBytes: number;
}

export class TelecineClient extends ApiClient {
  /**
   * Uploads a file in parts, `concurrency` at a time, each read from disk when its turn comes.
   *
   * @returns the video.
   */
  async uploadFile(
    file: string,
    options: {
      readonly onProgress?: (progress: UploadProgress) => void;
      readonly concurrency?: number;
    } = {},
  ): Promise<Video> {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const source = fileSource(handle, path.basename(file), size);
      return await sendFile(this, source, {
        sendPart: sendPartByFetch,
        ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
        onState: ({ parts, partCount }) => {
          const sentBytes = parts.reduce((sum, part) => sum + part.size, 0);
          if (parts.length === 0) return;
          options.onProgress?.({
            part: parts.length,
            parts: partCount,
            sentBytes,
            totalBytes: size,
          });
        },
      });
    } finally {
      await handle.close();
    }
  }
}

function fileSource(handle: FileHandle, filename: string, size: number): FileSource {
  return {
    filename,
    size,
    slice: async (start, end) => {
      const bytes = new Uint8Array(end - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      if (bytesRead !== bytes.length) throw new Error("The file was changed while it went up.");
      return bytes;
    },
  };
}
