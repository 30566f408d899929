/**
 * Reads an upstream in blocks that several readers share. A demuxer asks for everything from here to the end
 * and then goes elsewhere: what is fetched for a reader starts small, grows while it reads on, and stops when
 * it closes. Blocks are kept for a while, because probing, checking and encoding read the same head again.
 */
import type { Upstream } from "./upstream.ts";

export interface BlockReaderOptions {
  readonly blockBytes?: number;
  /** Most blocks asked for in one request. */
  readonly maxSpanBlocks?: number;
  readonly maxCachedBlocks?: number;
}

export interface BlockReader {
  /**
   * Bytes `start` to `end - 1` in pieces of at most a block.
   *
   * @param isSure the reader will read to the end: as much as may be is asked for at once, from the first request on.
   * @throws SourceError as `Upstream.read`, or the signal's reason.
   */
  stream(
    start: number,
    end: number,
    signal: AbortSignal,
    isSure?: boolean,
  ): AsyncGenerator<Uint8Array>;
}

interface Block {
  readonly bytes: Promise<Uint8Array>;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  isSettled: boolean;
  /** Somebody has asked for it: one that was fetched ahead is still wanted. */
  isRead: boolean;
}

export const BLOCK_BYTES = 256 * 1024;
const MAX_SPAN_BLOCKS = 32;
const MAX_CACHED_BLOCKS = 96;

export function createBlockReader(
  upstream: Upstream,
  options: BlockReaderOptions = {},
): BlockReader {
  const blockBytes = options.blockBytes ?? BLOCK_BYTES;
  const maxSpanBlocks = options.maxSpanBlocks ?? MAX_SPAN_BLOCKS;
  const cache = createBlockCache(options.maxCachedBlocks ?? MAX_CACHED_BLOCKS);
  const blockCount = Math.ceil(upstream.sizeBytes / blockBytes);

  /** Begins to fetch the blocks from `first` on that nobody fetches yet; returns the first one beyond. */
  const fetchSpan = (first: number, count: number, signal: AbortSignal): number => {
    const blocks: Block[] = [];
    while (blocks.length < count && first + blocks.length < blockCount) {
      const index = first + blocks.length;
      if (cache.has(index)) break;
      blocks.push(cache.add(index));
    }
    if (blocks.length > 0) void fillBlocks(first, blocks, signal);
    return first + Math.max(1, blocks.length);
  };

  const fillBlocks = async (first: number, blocks: readonly Block[], signal: AbortSignal) => {
    let done = 0;
    try {
      const offset = first * blockBytes;
      const end = Math.min(upstream.sizeBytes, offset + blocks.length * blockBytes);
      for await (const bytes of cut(upstream.read(offset, end - offset, signal), blockBytes)) {
        const block = blocks[done];
        if (block !== undefined) block.resolve(bytes);
        done += 1;
      }
      if (done < blocks.length) throw new Error("the upstream ended before its size");
    } catch (error) {
      for (let index = done; index < blocks.length; index += 1) {
        cache.drop(first + index);
        blocks[index]?.reject(error);
      }
    }
  };

  async function* stream(start: number, end: number, signal: AbortSignal, isSure = false) {
    const mine = new AbortController();
    const stop = () => mine.abort();
    signal.addEventListener("abort", stop);
    const first = Math.floor(start / blockBytes);
    const last = Math.floor((end - 1) / blockBytes);
    const fetch = (index: number, count: number) =>
      fetchSpan(index, Math.min(count, last - index + 1), mine.signal);
    // Blocks before the horizon were asked for; the next span is asked for half-way through the latest.
    let horizon = first;
    let span = isSure ? maxSpanBlocks : 1;
    try {
      let position = start;
      while (position < end) {
        signal.throwIfAborted();
        const index = Math.floor(position / blockBytes);
        const isNear = horizon - index <= span / 2;
        if (isNear && horizon <= last) {
          // A reader that got here reads on.
          if (index > first) span = Math.min(maxSpanBlocks, span * 2);
          horizon = fetch(Math.max(horizon, index), span);
        }
        if (!cache.has(index)) fetch(index, 1);
        const bytes = await sharedBlock(index, signal);
        if (bytes === null) continue;
        const piece = bytes.subarray(position - index * blockBytes, end - index * blockBytes);
        position += piece.length;
        yield piece;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      mine.abort();
    }
  }

  /** Null when the reader that fetched it closed before it came: it has to be fetched again. */
  const sharedBlock = async (index: number, signal: AbortSignal): Promise<Uint8Array | null> => {
    try {
      return (await cache.get(index)?.bytes) ?? null;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Error && error.name === "AbortError") return null;
      throw error;
    }
  };

  return { stream };
}

interface BlockCache {
  has(index: number): boolean;
  get(index: number): Block | undefined;
  add(index: number): Block;
  drop(index: number): void;
}

/**
 * The block read longest ago goes first, one that was fetched ahead and not read yet only when there is no
 * other, one that is still on its way never.
 */
function createBlockCache(maxBlocks: number): BlockCache {
  const blocks = new Map<number, Block>();
  const makeRoom = () => {
    for (const mayGo of [(block: Block) => block.isRead, () => true]) {
      for (const [index, block] of blocks) {
        if (blocks.size <= maxBlocks) return;
        if (block.isSettled && mayGo(block)) blocks.delete(index);
      }
    }
  };
  return {
    has: (index) => blocks.has(index),
    get: (index) => {
      const block = blocks.get(index);
      if (block !== undefined) {
        block.isRead = true;
        blocks.delete(index);
        blocks.set(index, block);
      }
      return block;
    },
    add: (index) => {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      // A block fetched ahead may fail before anybody asks for it.
      promise.catch(() => {});
      const block: Block = {
        bytes: promise,
        resolve: (bytes) => {
          block.isSettled = true;
          resolve(bytes);
        },
        reject,
        isSettled: false,
        isRead: false,
      };
      blocks.set(index, block);
      makeRoom();
      return block;
    },
    drop: (index) => blocks.delete(index),
  };
}

/** The same bytes in pieces of exactly `size`, but for the last. */
async function* cut(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of chunks) {
    let taken = 0;
    while (taken < chunk.length) {
      const part = chunk.subarray(taken, taken + size - filled);
      piece.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled === size) {
        yield piece;
        piece = new Uint8Array(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}
