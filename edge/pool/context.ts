/** What the parts of the pool share. The object makes one of it when it is constructed. */
import type { Rules } from "../domain/rules.ts";
import type { Env, Settings } from "../env.ts";
import type { Store } from "../media/store.ts";
import type { Alarm } from "./alarm-clock.ts";
import type { Connections } from "./connections.ts";
import type { GarbageStore } from "./garbage-store.ts";
import type { JobStore } from "./job-store.ts";
import type { OutboxStore } from "./outbox-store.ts";
import type { QueueStore } from "./queue-store.ts";
import type { WorkerStore } from "./worker-store.ts";

export interface PoolContext {
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
  readonly connections: Connections;
  readonly alarm: Alarm;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Keeps the object alive for work that nobody waits for; its failure is logged, never thrown. */
  background(what: string, work: Promise<unknown>): void;
}
