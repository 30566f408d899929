/** What the parts of the pool share. The object makes one of it when it is constructed. */
import type { Effect } from "../domain/effects.ts";
import type { Rules } from "../domain/rules.ts";
import type { Env, Settings } from "../env.ts";
import type { Store } from "../media/store.ts";
import type { Alarm } from "./alarm-clock.ts";
import type { Connection } from "./connection.ts";
import type { Connections } from "./connections.ts";
import type { CounterStore } from "./counter-store.ts";
import type { Drains } from "./drains.ts";
import type { GarbageStore } from "./garbage-store.ts";
import type { HistoryStore } from "./history-store.ts";
import type { JobStore } from "./job-store.ts";
import type { Lending } from "./lending.ts";
import type { OneAtATime } from "./one-at-a-time.ts";
import type { OutboxStore } from "./outbox-store.ts";
import type { PartStore } from "./part-store.ts";
import type { QueueStore } from "./queue-store.ts";
import type { Viewers } from "./viewers.ts";
import type { WorkerStore } from "./worker-store.ts";

export interface PoolContext extends Drains {
  /** Whose pool it is. */
  readonly accountId: string;
  /** The pool's slug, for people. */
  readonly name: string;
  /** Which of the pool's shards this is. */
  readonly shard: number;
  readonly env: Env;
  readonly settings: Settings;
  readonly rules: Rules;
  readonly storage: DurableObjectStorage;
  readonly media: Store;
  readonly jobs: JobStore;
  readonly queue: QueueStore;
  readonly outbox: OutboxStore;
  readonly workers: WorkerStore;
  readonly garbage: GarbageStore;
  /** Collects the garbage that is due. */
  readonly collection: OneAtATime;
  readonly history: HistoryStore;
  readonly parts: PartStore;
  readonly counters: CounterStore;
  readonly connections: Connections;
  readonly viewers: Viewers;
  readonly alarm: Alarm;
  readonly lending: Lending;
  /** Attempts whose outputs are being checked, as `task/epoch`, and who asked for the answer once more meanwhile. */
  readonly checksUnderWay: Map<string, Connection[]>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** When the runtime last answered a ping on the socket, milliseconds since the epoch; null for never. */
  pingedAt(socket: WebSocket): number | null;
  /** Runs what was committed: sends, checks, matching, and the drain of the outbox. */
  run(effects: readonly Effect[]): Promise<void>;
  /** Keeps the object alive for work that nobody waits for; its failure is logged, never thrown. */
  background(what: string, work: Promise<unknown>): void;
}
