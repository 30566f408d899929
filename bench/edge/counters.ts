/**
 * Counts what the platform would bill, by standing around the bindings. The edge under measurement is not told:
 * the classes that the runtime hands out are patched once, in the isolate that both Worker and Pool run in.
 */
import type { BilledCounts } from "../billed.ts";
import { noCounts } from "../billed.ts";

let counts: BilledCounts = noCounts;
let isInstalled = false;
const watchedPools = new WeakSet<object>();

export function countsNow(): BilledCounts {
  return counts;
}

export function countRequest(what: keyof BilledCounts, by = 1): void {
  counts = { ...counts, [what]: counts[what] + by };
}

/** Stands around D1, R2, the queue, the sockets and the calls to the Pool. Once for each isolate. */
export function installCounters(env: {
  readonly DB: D1Database;
  readonly MEDIA: R2Bucket;
  readonly WEBHOOK_QUEUE: object;
  readonly POOL: object;
}): void {
  if (isInstalled) return;
  isInstalled = true;
  watchDatabase(env.DB);
  watchBucket(env.MEDIA);
  watchMethod(env.WEBHOOK_QUEUE, "send", () => countRequest("queueMessages"));
  watchMethod(env.WEBHOOK_QUEUE, "sendBatch", (batch) =>
    countRequest("queueMessages", [...(batch as Iterable<unknown>)].length),
  );
  watchCalls(env.POOL);
  watchMethod(WebSocket.prototype, "send", () => countRequest("socketMessagesOut"), "itself");
}

/** Stands around the SQLite of one Pool object. */
export function watchPool(state: DurableObjectState): void {
  const { sql } = state.storage;
  const prototype = Object.getPrototypeOf(sql) as object;
  if (!watchedPools.has(prototype)) {
    watchedPools.add(prototype);
    watchSql(prototype as SqlStorage);
  }
  watchMethod(state.storage, "setAlarm", () => countRequest("poolRowsWritten"));
}

type Method = (...args: unknown[]) => unknown;

/** Has `seen` called before each call of a method of `target`'s class, or of `target` itself. */
function watchMethod(
  target: object,
  name: string,
  seen: (...args: unknown[]) => void,
  where: "class" | "itself" = "class",
): void {
  const owner: object = where === "itself" ? target : Object.getPrototypeOf(target);
  const original = Reflect.get(owner, name) as Method;
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value: function (this: unknown, ...args: unknown[]) {
      seen(...args);
      return Reflect.apply(original, this, args);
    },
  });
}

/** Every call of a stub that the namespace hands out: RPC methods and `fetch` alike. */
function watchCalls(namespace: object): void {
  const owner = Object.getPrototypeOf(namespace) as object;
  const original = Reflect.get(owner, "getByName") as (...args: unknown[]) => object;
  Object.defineProperty(owner, "getByName", {
    configurable: true,
    writable: true,
    value: function (this: unknown, ...args: unknown[]) {
      const stub = Reflect.apply(original, this, args);
      return new Proxy(stub, {
        get: (target, name) => {
          const method: unknown = Reflect.get(target, name);
          if (typeof method !== "function") return method;
          return (...given: unknown[]) => {
            countRequest("poolCalls");
            return Reflect.apply(method, target, given) as unknown;
          };
        },
      });
    },
  });
}

/** Cursors know what they have read and written only when they were read to their end. */
function watchSql(prototype: SqlStorage): void {
  const original = prototype.exec;
  const finished = new FinalCounts();
  Object.defineProperty(prototype, "exec", {
    configurable: true,
    writable: true,
    value: function (this: SqlStorage, ...args: Parameters<SqlStorage["exec"]>) {
      const cursor = Reflect.apply(original, this, args) as SqlStorageCursor<
        Record<string, SqlStorageValue>
      >;
      finished.add(cursor);
      return cursor;
    },
  });
}

/** Adds a cursor's counts on the next turn, when the synchronous code that uses it is through with it. */
class FinalCounts {
  #waiting: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];

  add(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): void {
    this.#waiting.push(cursor);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#take());
  }

  #take(): void {
    for (const { rowsRead, rowsWritten } of this.#waiting) {
      countRequest("poolRowsRead", rowsRead);
      countRequest("poolRowsWritten", rowsWritten);
    }
    this.#waiting = [];
  }
}

interface D1Meta {
  readonly meta?: { readonly rows_read?: number; readonly rows_written?: number };
}

interface Fetcher {
  fetch(...args: unknown[]): Promise<Response>;
}

/** Every call of the D1 client goes through its fetcher, and every answer carries the meta of its statements. */
function watchDatabase(database: D1Database): void {
  const session = Reflect.get(database, "alwaysPrimarySession") as object | undefined;
  for (const holder of [database, session ?? {}]) {
    const fetcher = Reflect.get(holder, "fetcher") as Fetcher | undefined;
    if (fetcher === undefined) continue;
    Reflect.set(holder, "fetcher", {
      fetch: async (...args: unknown[]) => {
        const answer = await fetcher.fetch(...args);
        countD1(await answer.clone().json());
        return answer;
      },
    });
  }
}

function countD1(answer: unknown): void {
  countRequest("d1Calls");
  for (const { meta } of (Array.isArray(answer) ? answer : [answer]) as readonly D1Meta[]) {
    countRequest("d1RowsRead", meta?.rows_read ?? 0);
    countRequest("d1RowsWritten", meta?.rows_written ?? 0);
  }
}

/** Class A: what writes or lists; class B: what reads. Deleting and aborting are free (R2 pricing, 2026-10). */
function watchBucket(bucket: R2Bucket): void {
  const classA = () => countRequest("r2ClassA");
  const classB = () => countRequest("r2ClassB");
  for (const name of ["put", "list"]) watchMethod(bucket, name, classA);
  for (const name of ["get", "head"]) watchMethod(bucket, name, classB);
  watchMethod(bucket, "createMultipartUpload", classA);
  const upload = bucket.resumeMultipartUpload("bench", "bench");
  for (const name of ["uploadPart", "complete"]) watchMethod(upload, name, classA);
}
