/** What the platform bills of one stretch of work. Pure; read by the bench and by its entry of the edge. */

export interface BilledCounts {
  /** Requests that reach the Worker. */
  readonly httpRequests: number;
  readonly socketMessagesIn: number;
  /** Not billed. */
  readonly socketMessagesOut: number;
  readonly alarms: number;
  readonly poolCalls: number;
  readonly poolRowsRead: number;
  readonly poolRowsWritten: number;
  /** Round trips; not billed. */
  readonly d1Calls: number;
  readonly d1RowsRead: number;
  readonly d1RowsWritten: number;
  readonly r2ClassA: number;
  readonly r2ClassB: number;
  readonly queueMessages: number;
}

export const noCounts: BilledCounts = {
  httpRequests: 0,
  socketMessagesIn: 0,
  socketMessagesOut: 0,
  alarms: 0,
  poolCalls: 0,
  poolRowsRead: 0,
  poolRowsWritten: 0,
  d1Calls: 0,
  d1RowsRead: 0,
  d1RowsWritten: 0,
  r2ClassA: 0,
  r2ClassB: 0,
  queueMessages: 0,
};

/** What came in between two readings, divided by `jobs`. */
export function perJob(before: BilledCounts, after: BilledCounts, jobs: number): BilledCounts {
  const names = Object.keys(noCounts) as (keyof BilledCounts)[];
  return Object.fromEntries(
    names.map((name) => [name, (after[name] - before[name]) / jobs]),
  ) as unknown as BilledCounts;
}
