/** The shared client with what only a process can do: read a file from disk. */
import { open } from "node:fs/promises";
import { ApiClient } from "../client/client.ts";
import { sendFile, sendPartByFetch } from "../client/send-file.ts";
import type { Video } from "../protocol/http/videos.ts";
import { fileSource } from "./file-source.ts";

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
      const source = await fileSource(handle, file);
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
            totalBytes: source.size,
          });
        },
      });
    } finally {
      await handle.close();
    }
  }
}
