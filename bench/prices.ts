/**
 * What the platform charges on Workers Paid, in US dollars. Compared in 2026-11 with copies of Cloudflare's public
 * pages: Durable Objects' requests and duration, D1's rows, R2's operations. Not compared, for want of a copy: Worker
 * requests, queue operations, and the Pool's rows, which are taken to cost what D1's do. What a plan includes for
 * nothing is left out, so a small installation pays less than this says: most often nothing.
 */
import type { BilledCounts } from "./billed.ts";

export const PRICES_AS_OF = "2026-11";

const MILLION = 1_000_000;

/** Dollars for a million. */
const pricesPerMillion = {
  workerRequests: 0.3,
  poolRequests: 0.15,
  poolGigabyteSeconds: 12.5,
  rowsRead: 0.001,
  rowsWritten: 1,
  r2ClassA: 4.5,
  r2ClassB: 0.36,
  queueOperations: 0.4,
} as const;

/** Incoming messages of a socket count as a twentieth of a request; outgoing ones are free. */
const MESSAGES_PER_REQUEST = 20;
/** A message is written, read and deleted. */
const OPERATIONS_PER_QUEUE_MESSAGE = 3;
/** An object is billed for 128 MB while it is awake, whatever it uses. */
const POOL_GIGABYTES = 0.128;

export interface Bill {
  readonly what: string;
  readonly dollars: number;
}

/** What these counts cost, by service. @param poolSeconds how long the Pool was awake for them. */
export function billFor(counts: BilledCounts, poolSeconds: number): readonly Bill[] {
  const poolRequests =
    counts.poolCalls + counts.alarms + counts.socketMessagesIn / MESSAGES_PER_REQUEST;
  const price = pricesPerMillion;
  return [
    { what: "Worker requests", dollars: priced(counts.httpRequests, price.workerRequests) },
    { what: "Pool requests", dollars: priced(poolRequests, price.poolRequests) },
    {
      what: "Pool awake",
      dollars: priced(poolSeconds * POOL_GIGABYTES, price.poolGigabyteSeconds),
    },
    {
      what: "Pool rows",
      dollars:
        priced(counts.poolRowsWritten, price.rowsWritten) +
        priced(counts.poolRowsRead, price.rowsRead),
    },
    {
      what: "D1 rows",
      dollars:
        priced(counts.d1RowsWritten, price.rowsWritten) + priced(counts.d1RowsRead, price.rowsRead),
    },
    {
      what: "R2 operations",
      dollars: priced(counts.r2ClassA, price.r2ClassA) + priced(counts.r2ClassB, price.r2ClassB),
    },
    {
      what: "Queue operations",
      dollars: priced(counts.queueMessages * OPERATIONS_PER_QUEUE_MESSAGE, price.queueOperations),
    },
  ];
}

export function totalOfBill(bill: readonly Bill[]): number {
  return bill.reduce((sum, { dollars }) => sum + dollars, 0);
}

function priced(amount: number, perMillion: number): number {
  return (amount * perMillion) / MILLION;
}
