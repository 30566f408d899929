/** Random access to a source served on the loopback, in blocks, so that walking a file's boxes asks rarely. */

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

  const fetchRange = async (start: number, end: number): Promise<Uint8Array> => {
    const response = await fetch(url, {
      headers: { range: `bytes=${start}-${end - 1}` },
      signal,
      redirect: "error",
    });
    if (response.status !== 206) {
      await response.body?.cancel();
      throw new Error(`the source answered a range with ${response.status}`);
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length !== end - start) throw new Error("the source answered with another range");
    return bytes;
  };

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
