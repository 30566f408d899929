/** What simulated agents and the simulated pool say to each other. */
import type { TaskEvent } from "../../../edge/domain/events.ts";
import type { EdgeMessage, WorkerMessage } from "../../../protocol/messages.ts";
import type { LeaseRef } from "../../../protocol/task.ts";

/** What the simulated agents need of an edge message. */
export type Sent =
  | {
      readonly type: "lease";
      readonly lease: LeaseRef;
      readonly slots: number;
      readonly pin: string | null;
      /** Which chunk it is of; null for what is none. */
      readonly chunk: number | null;
    }
  | { readonly type: "revoke"; readonly lease: LeaseRef }
  | (Pick<Extract<EdgeMessage, { type: "ack" }>, "type" | "of" | "lease" | "status"> & {
      /** Of a refused plan: whether its attempt goes on. */
      readonly isLive: boolean;
    })
  | { readonly type: "welcome"; readonly lost: readonly LeaseRef[] };

/** A plan with a rendition of this name is refused. */
export const UNWANTED = "unwanted";

export interface Upstream {
  readonly workerId: string;
  readonly sessionId: string;
  readonly message: WorkerMessage;
}

/** The event that a message of a live connection leads to. */
export function eventOf(
  message: Extract<WorkerMessage, { lease: LeaseRef }>,
  common: { readonly now: number; readonly epoch: number; readonly workerId: string },
): TaskEvent {
  switch (message.type) {
    case "progress": {
      const { stage, fraction, movement, fps, speed, slots } = message;
      const said = slots === undefined ? {} : { slots };
      return { type: "progress", ...common, stage, fraction, movement, fps, speed, ...said };
    }
    case "complete": {
      const { outputs, engine } = message;
      return { type: "complete", ...common, result: { outputs, engine } };
    }
    case "fail": {
      const { stage, code, detail, retryable, engine } = message;
      return { type: "fail", ...common, stage, code, detail, retryable, engine };
    }
    case "release":
      return { type: "release", ...common, reason: message.reason };
    case "plan": {
      const { plan, engine } = message;
      const refusal = plan.renditions.includes(UNWANTED) ? "not_wanted" : null;
      return { type: "plan", ...common, plan, engine, refusal };
    }
  }
}
