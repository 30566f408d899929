import { createReadStream } from "node:fs";
import type { Upstream } from "./upstream.ts";

/** A file in scratch, where a server without ranges was copied to. */
export function fileUpstream(path: string, sizeBytes: number, contentType: string): Upstream {
  return {
    sizeBytes,
    contentType,
    read: (offset, length, signal) =>
      createReadStream(path, { start: offset, end: offset + length - 1, signal }),
    isAwaited: () => false,
  };
}
