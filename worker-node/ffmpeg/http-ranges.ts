/** Random access to a source served on the loopback, in blocks, so that walking a file's boxes asks rarely. */

import { request } from "node:http";

/** Bytes of a file by position; short only at its end. */
export interface RangeReader {
  readonly size: number;
  /** At most `length` bytes from `offset`. @throws when the server fails or the signal is aborted */
  read(offset: number, length: number): Promise<Uint8Array>;
}

const BLOCK_BYTES = 64 * 1024;
const MAX_CACHED_BLOCKS = 32;

/** Reads by HTTP ranges, keeping the last few blocks. Longer reads than a block go past the cache. */
export function createHttpReader(url: string, size: number, signal: AbortSignal): RangeReader {
  const blocks = new Map<number, Uint8Array>();

  const fetchRange = (start: number, end: number) => requestRange(url, start, end, signal);

  const block = async (index: number): Promise<Uint8Array> => {
    const cached = blocks.get(index);
    if (cached) return cached;
    const start = index * BLOCK_BYTES;
    const bytes = await fetchRange(start, Math.min(size, start + BLOCK_BYTES));
    const oldest = blocks.keys().next();
    if (blocks.size >= MAX_CACHED_BLOCKS && !oldest.done) blocks.delete(oldest.value);
    blocks.set(index, bytes);
    return bytes;
  };

  return {
    size,
    async read(offset, length) {
      const end = Math.min(size, offset + length);
      if (offset < 0 || offset >= end) return new Uint8Array(0);
      const index = Math.floor(offset / BLOCK_BYTES);
      if (end > (index + 1) * BLOCK_BYTES) return fetchRange(offset, end);
      const start = index * BLOCK_BYTES;
      return (await block(index)).subarray(offset - start, end - start);
    },
  };
}

/** Over `node:http`, whose sockets stay open between ranges; a redirect is no answer. */
function requestRange(
  url: string,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const headers = { range: `bytes=${start}-${end - 1}` };
    const sent = request(url, { headers, signal }, (answer) => {
      answer.once("error", reject);
      if (answer.statusCode !== 206) {
        answer.destroy();
        reject(new Error(`the source answered a range with ${answer.statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > end - start) answer.destroy(new Error("the source answered with more"));
        else chunks.push(chunk);
      });
      answer.once("end", () => {
        if (length === end - start) resolve(Buffer.concat(chunks, length));
        else reject(new Error("the source answered with another range"));
      });
    });
    sent.once("error", (error: NodeJS.ErrnoException) => {
      // A server lets a socket go that was idle for long; the request that met it there is none that failed.
      if (sent.reusedSocket && error.code === "ECONNRESET") {
        resolve(requestRange(url, start, end, signal));
      } else reject(error);
    });
    sent.end();
  });
}
