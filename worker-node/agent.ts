/**
 * The agent as a whole: the pure session in the middle, and around it the socket, the attempts and one timer.
 * It decides nothing; it tells the session what happened and does what the session asks.
 */
import type { Capabilities } from "../protocol/media.ts";
import type { LeaseRef } from "../protocol/task.ts";
import { type Assignment, type Attempt, type AttemptDeps, startAttempt } from "./attempt.ts";
import { type Link, openLink } from "./link.ts";
import type { Log } from "./log.ts";
import { newSession, nextWake, reduce } from "./session.ts";
import {
  type ExitReason,
  type LeaseKey,
  leaseKey,
  type SessionEffect,
  type SessionEvent,
} from "./session-model.ts";
import { threadShare } from "./thread-share.ts";

export interface AgentDeps extends Omit<AttemptDeps, "threads"> {
  readonly token: string;
  readonly name: string;
  readonly slots: number;
  readonly capabilities: Capabilities;
  readonly log: Log;
}

export interface Agent {
  /** Resolves when it has ended: its socket closed, its attempts settled or given up. */
  readonly exited: Promise<ExitReason>;
  /** Finish what is held, take nothing new, then end. */
  readonly drain: () => void;
  /** Kill what runs, give the leases back, and end within seconds. */
  readonly abort: () => void;
}

/** Starts to connect at once. */
export function startAgent(deps: AgentDeps): Agent {
  const { log } = deps;
  const attempts = new Map<LeaseKey, Attempt>();
  const { promise: exited, resolve: exit } = Promise.withResolvers<ExitReason>();
  let session = newSession(deps);
  let link: Link | null = null;
  let wake: NodeJS.Timeout | undefined;
  let reconnect: NodeJS.Timeout | undefined;

  const dispatch = (event: SessionEvent) => {
    const step = reduce(session, event);
    session = step.session;
    for (const effect of step.effects) perform(effect);
    clearTimeout(wake);
    const at = nextWake(session);
    if (at === null) return;
    const delayMs = Math.max(1, Math.ceil(at - performance.now()));
    wake = setTimeout(() => dispatch({ type: "tick", now: performance.now() }), delayMs);
  };

  const perform = (effect: SessionEffect) => {
    switch (effect.type) {
      case "send":
        link?.send(effect.message);
        return;
      case "connect":
        reconnect = setTimeout(connect, effect.delayMs);
        return;
      case "set_ping":
        link?.setPingInterval(effect.intervalMs);
        return;
      case "start":
        begin(effect.assignment);
        return;
      case "stop":
        attempts.get(leaseKey(effect.lease))?.stop(effect.reason);
        return;
      case "renew":
        attempts.get(leaseKey(effect.lease))?.renew(effect.grant);
        return;
      case "decline":
        attempts.get(leaseKey(effect.lease))?.decline();
        return;
      case "limit":
        attempts.get(leaseKey(effect.lease))?.limit(effect.runLimitMs);
        return;
      case "note":
        log(effect.level, effect.text, effect.lease === undefined ? {} : fieldsOf(effect.lease));
        return;
      case "exit":
        void finish(effect.reason);
        return;
    }
  };

  const connect = () => {
    const opened = openLink({
      edgeUrl: deps.edgeUrl,
      token: deps.token,
      onOpen: () => dispatch({ type: "opened", now: performance.now() }),
      onMessage: (message) => dispatch({ type: "received", now: performance.now(), message }),
      onClose: (cause) => {
        link = null;
        dispatch({ type: "closed", now: performance.now(), cause, random: Math.random() });
      },
    });
    link = opened;
  };

  const begin = (assignment: Assignment) => {
    const { lease, task } = assignment;
    const { jobId, traceId } = task;
    const about = log.with({ jobId, traceId, ...fieldsOf(lease) });
    about("info", `attempt begins: ${describeWork(task.work)}`);
    const threads = threadShare(deps.cores, attempts.size + 1);
    const attempt = startAttempt(
      threads === null ? deps : { ...deps, threads },
      assignment,
      {
        report: (report) => dispatch({ type: "progressed", now: performance.now(), lease, report }),
        propose: (plan) => dispatch({ type: "proposed", now: performance.now(), lease, plan }),
      },
      about,
    );
    attempts.set(leaseKey(lease), attempt);
    void attempt.ended.then((outcome) => {
      attempts.delete(leaseKey(lease));
      const isFailed = outcome.status === "failed";
      about(
        isFailed ? "warn" : "info",
        `attempt ${outcome.status}`,
        isFailed ? { stage: outcome.stage, code: outcome.code, detail: outcome.detail } : {},
      );
      dispatch({ type: "ended", now: performance.now(), lease, outcome });
    });
  };

  const finish = async (reason: ExitReason) => {
    clearTimeout(wake);
    clearTimeout(reconnect);
    for (const attempt of attempts.values()) attempt.stop(reason);
    await link?.close();
    exit(reason);
  };

  connect();
  return {
    exited,
    drain: () => dispatch({ type: "drain", now: performance.now() }),
    abort: () => dispatch({ type: "abort", now: performance.now() }),
  };
}

function fieldsOf(lease: LeaseRef) {
  return { taskId: lease.taskId, epoch: lease.epoch };
}

function describeWork(work: Assignment["task"]["work"]): string {
  return work.mode === "recipe" ? `recipe ${work.recipe.name}` : "ffmpeg arguments";
}
