/** Reads an object in whole blocks and remembers them, within a budget: a file's author decides where we read. */
import type { Store, StoredObject } from "./store.ts";

export interface ReadBudget {
  /** Bytes fetched from the store, all together. */
  readonly maxBytes: number;
  /** Ranged reads of the store. */
  readonly maxRequests: number;
  /** Reads by the caller, those of blocks already held included: what ends a parser that runs in circles. */
  readonly maxReads: number;
}

/** The budget is used up; what was read so far stays good. */
class ReadBudgetError extends Error {
  override readonly name = "ReadBudgetError";
}

export interface BlockReader {
  /** Bytes `start` (inclusive) to `end` (exclusive). Throws `ReadBudgetError`, or when the object is gone. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** Refuses every read from now on. */
  stop(): void;
}

const BLOCK_BYTES = 64 * 1024;

/** A reader pinned to one version of the object. */
export function createBlockReader(
  store: Store,
  object: Pick<StoredObject, "key" | "etag" | "size">,
  budget: ReadBudget,
): BlockReader {
  const blocks = new Map<number, Uint8Array>();
  let bytes = 0;
  let requests = 0;
  let reads = 0;
  let stopped = false;

  function spend(): void {
    if (stopped || bytes > budget.maxBytes || requests > budget.maxRequests) {
      throw new ReadBudgetError("The read budget is used up.");
    }
    if (reads > budget.maxReads) throw new ReadBudgetError("The reads have no end.");
  }

  async function fetchBlocks(first: number, last: number): Promise<void> {
    const offset = first * BLOCK_BYTES;
    const length = Math.min((last + 1) * BLOCK_BYTES, object.size) - offset;
    bytes += length;
    requests += 1;
    spend();
    const found = await store.get(object.key, { range: { offset, length }, etag: object.etag });
    if (found === null) throw new Error(`The object ${object.key} changed or is gone.`);
    const span = new Uint8Array(await new Response(found.body).arrayBuffer());
    if (span.byteLength !== length) throw new Error(`A read of ${object.key} fell short.`);
    for (let block = first; block <= last; block++) {
      const at = (block - first) * BLOCK_BYTES;
      blocks.set(block, span.subarray(at, at + BLOCK_BYTES));
    }
  }

  return {
    async read(start, end) {
      reads += 1;
      spend();
      const first = Math.floor(start / BLOCK_BYTES);
      const last = Math.floor((end - 1) / BLOCK_BYTES);
      const missing = range(first, last).filter((block) => !blocks.has(block));
      const from = missing[0];
      const to = missing.at(-1);
      if (from !== undefined && to !== undefined) await fetchBlocks(from, to);
      const joined = new Uint8Array(end - start);
      for (let block = first; block <= last; block++) {
        const begins = block * BLOCK_BYTES;
        const held = blocks.get(block) ?? new Uint8Array();
        const part = held.subarray(Math.max(0, start - begins), end - begins);
        joined.set(part, Math.max(0, begins - start));
      }
      return joined;
    },
    stop() {
      stopped = true;
    },
  };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
