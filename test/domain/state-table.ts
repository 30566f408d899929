/**
 * Every event in every state of a task, and all that can come of it: a state, `=` (accepted, nothing changes), or
 * the reason of a rejection. docs/ARCHITECTURE.md shows this table; table.test.ts holds machine and page to it.
 * Events about one attempt are of the live one's epoch and holder here; any other is `stale_epoch` everywhere.
 */
import type { TaskEventType } from "../../edge/domain/events.ts";
import type { TaskState } from "../../edge/domain/model.ts";

export const columns = [
  "waiting",
  "ready",
  "leased",
  "verifying",
  "done",
  "divided",
  "failed",
  "cancelled",
  "superseded",
] as const satisfies readonly TaskState[];

const absorbed = ["terminal", "terminal", "terminal", "terminal", "terminal"];
const stale = ["stale_epoch", "stale_epoch", "stale_epoch", "stale_epoch", "stale_epoch"];

/** Without a live attempt a repeated message gets its first answer, and a new one is stale. */
const answered = "=, stale_epoch";
const answers = [answered, answered, answered, answered, answered];

/** One cell for each of `columns`; several outcomes of one cell are sorted and joined with `, `. */
export const stateTable: Record<TaskEventType, readonly string[]> = {
  grant: ["illegal", "illegal, leased", "illegal", "illegal", ...absorbed],
  progress: ["stale_epoch", "stale_epoch", "leased", "=", ...stale],
  plan: [answered, answered, "=, divided, leased", "=, illegal", ...answers],
  parts_done: ["ready", "illegal", "illegal", "illegal", ...absorbed],
  complete: [answered, answered, "failed, ready, verifying", "=", ...answers],
  verified: ["stale_epoch", "stale_epoch", "illegal", "done", ...stale],
  verify_failed: ["stale_epoch", "stale_epoch", "illegal", "failed, ready", ...stale],
  fail: [answered, answered, "failed, ready", "illegal", ...answers],
  release: [answered, answered, "failed, ready", "illegal", ...answers],
  resume: ["stale_epoch", "stale_epoch", "leased", "=", ...stale],
  expire: [
    "illegal",
    "illegal",
    "failed, illegal, ready",
    "failed, illegal, ready, verifying",
    ...absorbed,
  ],
  disconnect: ["illegal", "illegal", "illegal, leased", "=", ...absorbed],
  lost: ["illegal", "illegal", "illegal, leased", "=", ...absorbed],
  not_claimed: ["illegal", "illegal", "failed, illegal, ready", "=", ...absorbed],
  worker_revoked: [
    "illegal",
    "illegal",
    "failed, illegal, ready",
    "failed, illegal, ready",
    ...absorbed,
  ],
  cancel: ["cancelled", "cancelled", "cancelled", "cancelled", ...absorbed],
  supersede: ["superseded", "superseded", "superseded", "superseded", ...absorbed],
  run_limit: ["illegal", "illegal", "failed", "illegal", ...absorbed],
  queue_timeout: ["illegal", "failed, illegal", "illegal", "illegal", ...absorbed],
  rebase: ["=", "ready", "leased", "verifying", ...absorbed],
  retry: [
    "illegal",
    "illegal",
    "illegal",
    "illegal",
    "terminal",
    "ready",
    "ready",
    "ready",
    "terminal",
  ],
};
