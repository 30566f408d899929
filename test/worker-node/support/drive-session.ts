/** A session machine under a clock of its own, and what its effects say. */
import type { EdgeMessage, WorkerMessage } from "../../../protocol/messages.ts";
import { newSession, nextWake, reduce } from "../../../worker-node/session.ts";
import type {
  CloseCause,
  Session,
  SessionEffect,
  SessionEvent,
} from "../../../worker-node/session-model.ts";
import { welcome } from "./messages.ts";

type Timeless = SessionEvent extends infer E ? (E extends unknown ? Omit<E, "now"> : never) : never;

/** Drives a session with a clock of its own and keeps the effects of the last event. */
export function drive(slots = 1) {
  let session: Session = newSession({
    name: "gpu-1",
    slots,
    capabilities: { ffmpegVersion: "5.1", encoders: [] },
  });
  let now = 1_000;
  const happen = (event: Timeless): readonly SessionEffect[] => {
    const step = reduce(session, { ...event, now } as SessionEvent);
    session = step.session;
    return step.effects;
  };
  return {
    happen,
    hear: (message: EdgeMessage) => happen({ type: "received", message }),
    close: (cause: CloseCause = { kind: "lost", detail: "reset" }, random = 0.5) =>
      happen({ type: "closed", cause, random }),
    after: (ms: number) => {
      now += ms;
      return happen({ type: "tick" });
    },
    /** Connects and is welcomed with the given fates. */
    join: (...fates: Parameters<typeof welcome>[0] & object) => {
      const hello = sent(happen({ type: "opened" }))[0];
      return { hello, effects: happen({ type: "received", message: welcome(fates) }) };
    },
    session: () => session,
    wake: () => nextWake(session),
    now: () => now,
  };
}

export function sent(effects: readonly SessionEffect[]): WorkerMessage[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [effect.message] : []));
}

export function types(effects: readonly SessionEffect[]): string[] {
  return effects.filter(({ type }) => type !== "note").map(({ type }) => type);
}
