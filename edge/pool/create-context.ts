/** Puts the parts of a pool together over a Durable Object's state. */
import { withRenewal } from "../domain/lease.ts";
import type { Task } from "../domain/model.ts";
import { rulesOf } from "../domain/rules.ts";
import { type Env, parseSettings } from "../env.ts";
import { createStore } from "../media/create-store.ts";
import { createAlarm } from "./alarm-clock.ts";
import { clock } from "./clock.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { Connections } from "./connections.ts";
import type { PoolContext } from "./context.ts";
import { createCounterStore } from "./counter-store.ts";
import { drainOutbox } from "./drain-outbox.ts";
import { createDrains } from "./drains.ts";
import { createGarbageStore } from "./garbage-store.ts";
import { createHistoryStore } from "./history-store.ts";
import { createJobStore } from "./job-store.ts";
import { createLending } from "./lending.ts";
import { logWarning } from "./log.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { createOutboxStore } from "./outbox-store.ts";
import { createPartStore } from "./part-store.ts";
import { createQueueStore } from "./queue-store.ts";
import { runEffects } from "./run-effects.ts";
import { migrate } from "./tables.ts";
import { Viewers } from "./viewers.ts";
import { createWorkerStore } from "./worker-store.ts";

/** Throws where the settings are invalid: HTTP answers CONFIG_ERROR before it ever calls a pool. */
export function createContext(state: DurableObjectState, env: Env): PoolContext {
  const parsed = parseSettings(env);
  if (parsed.status === "invalid") throw new Error(parsed.detail);
  const { settings } = parsed;
  const { storage } = state;
  const named = partsOfName(state.id.name);
  migrate(storage);
  const connections = new Connections(state.getWebSockets());
  const overlay = (tasks: readonly Task[]) =>
    tasks.map((task) => withRememberedRenewal(connections, task));
  const pool: PoolContext = {
    ...named,
    env,
    settings,
    rules: rulesOf(settings),
    storage,
    media: createStore(env, settings),
    jobs: createJobStore(storage.sql, overlay),
    queue: createQueueStore(storage.sql),
    outbox: createOutboxStore(storage.sql),
    workers: createWorkerStore(storage.sql),
    garbage: createGarbageStore(storage.sql),
    collection: new OneAtATime(() => collectGarbage(pool)),
    history: createHistoryStore(storage.sql),
    parts: createPartStore(storage.sql),
    counters: createCounterStore(storage.sql),
    connections,
    viewers: new Viewers((jobId) => state.getWebSockets(jobId)),
    alarm: createAlarm(storage),
    lending: createLending(named.shard, storage),
    checksUnderWay: new Map(),
    now: () => clock.now(),
    pingedAt: (socket) => state.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null,
    run: (effects) => runEffects(pool, effects),
    ...createDrains(() => drainOutbox(pool), background),
    background,
  };
  function background(what: string, work: Promise<unknown>): void {
    state.waitUntil(work.catch((error) => logWarning("background_failed", { what }, error)));
  }
  return pool;
}

function withRememberedRenewal(connections: Connections, task: Task): Task {
  if (task.state !== "leased") return task;
  const { workerId, epoch } = task.lease;
  return withRenewal(task, connections.get(workerId)?.heldLease(task.taskId, epoch)?.renewal);
}

/** What the object's name, `pool:{account}/{pool}/{shard}`, is made of. */
function partsOfName(objectName = ""): Pick<PoolContext, "accountId" | "name" | "shard"> {
  const [accountId = "", name = "default", shard = "0"] = objectName
    .slice("pool:".length)
    .split("/");
  return { accountId, name, shard: Number(shard) };
}
