/**
 * The task machine: `transition(task, event)`, pure, with the time in the event.
 *
 * One table says what every event does in every state; a state or an event that it lacks does not compile. Events
 * that concern one attempt pass a fence first: only those of the live attempt's epoch, from its holder, reach the
 * table. What ended an attempt is remembered as its verdict, so that a repeated message gets the same answer.
 * docs/ARCHITECTURE.md shows the table; test/domain/table.test.ts holds it to that.
 */
import { ack, leaseOf } from "./attempt.ts";
import type { TransitionResult } from "./effects.ts";
import type { TaskEvent, TaskEventOf, TaskEventType } from "./events.ts";
import type { AnsweredMessage, Task, TaskIn, TaskState } from "./model.ts";
import type { Rules } from "./rules.ts";
import { divide, divideAgain, partsDone, refusalOf } from "./transitions/divide.ts";
import {
  cancel,
  expireLease,
  queueTimeout,
  retry,
  runLimit,
  supersede,
} from "./transitions/end.ts";
import { complete, fail, notClaimed, release, workerRevoked } from "./transitions/finish.ts";
import { grant, grantHeld } from "./transitions/grant.ts";
import {
  disconnect,
  lose,
  progress,
  rebaseCheck,
  rebaseLease,
  rebaseQueue,
  resume,
} from "./transitions/hold.ts";
import { rejected, unchanged } from "./transitions/outcome.ts";
import { expireCheck, verified, verifyFailed } from "./transitions/verify.ts";

/** What one event does in one state. */
type Handler<S extends TaskState, E extends TaskEventType> = (
  task: TaskIn<S>,
  event: TaskEventOf<E>,
  rules: Rules,
) => TransitionResult;

type Row<S extends TaskState> = { readonly [E in TaskEventType]: Handler<S, E> };
type Table = { readonly [S in TaskState]: Row<S> };

/** The event has no meaning in the state. */
const illegal = (): TransitionResult => rejected("illegal");
/** The event speaks of an attempt, and none is live. */
const stale = (): TransitionResult => rejected("stale_epoch");
/** The event changes nothing here, and nothing is wrong with it. */
const same = (task: Task): TransitionResult => unchanged(task);
/** Terminal states absorb everything but a retry. */
const absorbed = (): TransitionResult => rejected("terminal");
const absorbs =
  <E extends TaskEvent>(handler: (task: Task, event: E) => TransitionResult) =>
  (task: Task, event: E, rules: Rules): TransitionResult =>
    rules.guards.terminalAbsorbs ? absorbed() : handler(task, event);

const ended = {
  grant: absorbed,
  progress: stale,
  plan: stale,
  parts_done: absorbed,
  complete: stale,
  verified: stale,
  verify_failed: stale,
  fail: stale,
  release: stale,
  resume: stale,
  expire: absorbed,
  disconnect: absorbed,
  lost: absorbed,
  not_claimed: absorbed,
  worker_revoked: absorbed,
  cancel: absorbs(cancel),
  supersede: absorbs(supersede),
  run_limit: absorbed,
  queue_timeout: absorbed,
  rebase: absorbed,
  retry: absorbed,
} satisfies Row<"done" | "divided" | "failed" | "cancelled" | "superseded">;

/** Nobody holds it: nothing that is said of an attempt is about this one, and there is none to expire. */
const unheld = {
  progress: stale,
  plan: stale,
  complete: stale,
  verified: stale,
  verify_failed: stale,
  fail: stale,
  release: stale,
  resume: stale,
  expire: illegal,
  disconnect: illegal,
  lost: illegal,
  not_claimed: illegal,
  worker_revoked: illegal,
  cancel,
  supersede,
  run_limit: illegal,
  retry: illegal,
} satisfies Partial<Row<"waiting" | "ready">>;

const table: Table = {
  waiting: {
    ...unheld,
    grant: illegal,
    parts_done: partsDone,
    queue_timeout: illegal,
    // It has no deadline that a clock could have moved.
    rebase: same,
  },
  ready: {
    ...unheld,
    grant,
    parts_done: illegal,
    queue_timeout: queueTimeout,
    rebase: rebaseQueue,
  },
  leased: {
    grant: grantHeld,
    progress,
    plan: divide,
    parts_done: illegal,
    complete,
    verified: illegal,
    verify_failed: illegal,
    fail,
    release,
    resume,
    expire: expireLease,
    disconnect,
    lost: lose,
    not_claimed: notClaimed,
    worker_revoked: workerRevoked,
    cancel,
    supersede,
    run_limit: runLimit,
    queue_timeout: illegal,
    rebase: rebaseLease,
    retry: illegal,
  },
  verifying: {
    grant: grantHeld,
    progress: same,
    plan: divideAgain,
    parts_done: illegal,
    // Answered once the check is over, and from then on always the same.
    complete: same,
    verified,
    verify_failed: verifyFailed,
    fail: illegal,
    release: illegal,
    resume: same,
    expire: expireCheck,
    // The bytes are in the store: the check needs no worker.
    disconnect: same,
    lost: same,
    not_claimed: same,
    worker_revoked: workerRevoked,
    cancel,
    supersede,
    run_limit: illegal,
    queue_timeout: illegal,
    rebase: rebaseCheck,
    retry: illegal,
  },
  done: ended,
  divided: { ...ended, retry },
  failed: { ...ended, retry },
  cancelled: { ...ended, retry },
  superseded: ended,
};

/** Which events speak of one attempt, and what of it they must name. */
const fences: { readonly [E in TaskEventType]: "none" | "epoch" | "holder" } = {
  grant: "none",
  progress: "holder",
  plan: "holder",
  parts_done: "none",
  complete: "holder",
  verified: "epoch",
  verify_failed: "epoch",
  fail: "holder",
  release: "holder",
  resume: "holder",
  expire: "none",
  disconnect: "none",
  lost: "none",
  not_claimed: "none",
  worker_revoked: "none",
  cancel: "none",
  supersede: "none",
  run_limit: "none",
  queue_timeout: "none",
  rebase: "none",
  retry: "none",
};

/**
 * What an event makes of a task. Pure; never throws. A repeated `complete`, `fail` or `release` of an attempt
 * that has ended is `ok`, changes nothing, and carries the first answer as its `ack`.
 */
export function transition(task: Task, event: TaskEvent, rules: Rules): TransitionResult {
  if (!passesFence(task, event, rules)) return answerEnded(task, event, rules);
  // The table pairs each handler with its state and event; indexing it by both loses that pairing.
  const handler = table[task.state][event.type] as Handler<TaskState, TaskEventType>;
  return handler(task, event, rules);
}

function passesFence(task: Task, event: TaskEvent, { guards }: Rules): boolean {
  const fence = fences[event.type];
  const lease = leaseOf(task);
  if (fence === "none" || lease === null || !("epoch" in event)) return fence === "none";
  const rightEpoch = event.epoch === lease.epoch;
  if (fence === "epoch") return rightEpoch || !guards.verifyEpoch;
  const rightHolder = "workerId" in event && event.workerId === lease.workerId;
  return (rightEpoch || !guards.staleEpoch) && (rightHolder || !guards.holder);
}

function answerEnded(task: Task, event: TaskEvent, { guards }: Rules): TransitionResult {
  if (!isAnswered(event) || !guards.sameAnswer) return rejected("stale_epoch");
  const past = task.verdicts.find(
    ({ epoch, workerId }) => epoch === event.epoch && workerId === event.workerId,
  );
  if (past?.of === event.type) return unchanged(task, [ack(task, past, event.type)]);
  if (event.type !== "plan" || past?.planRefused === undefined) return rejected("stale_epoch");
  return unchanged(task, [ack(task, refusalOf(event, past.planRefused), "plan")]);
}

const answeredTypes: Record<AnsweredMessage, true> = {
  complete: true,
  fail: true,
  release: true,
  plan: true,
};

function isAnswered(event: TaskEvent): event is TaskEventOf<AnsweredMessage> {
  return Object.hasOwn(answeredTypes, event.type);
}
