/** The question whether work shall be divided, on the agent's side of the protocol. */
import { expect, test } from "vitest";
import type { ChunkPlan } from "../../protocol/chunks/contract.ts";
import type { EdgeMessage, WorkerMessage } from "../../protocol/messages.ts";
import { newSession, reduce } from "../../worker-node/session.ts";
import type { Session, SessionEffect, SessionEvent } from "../../worker-node/session-model.ts";
import {
  completed,
  failed,
  kept,
  leaseMessage,
  leaseRef,
  lost,
  welcome,
} from "./support/messages.ts";

const lease = leaseRef();
const plan: ChunkPlan = {
  version: 1,
  sources: {},
  grid: { timeBase: { num: 1, den: 25 }, origin: 0, first: 0, frameRate: { num: 25, den: 1 } },
  renditions: ["result"],
  audio: false,
  presentation: null,
  chunks: [0, 1].map((index) => ({
    ...{ index, from: index * 500, to: index * 500 + 500, seek: null, frames: 500 },
  })),
};

/** An agent that holds one lease and has asked whether to divide it. */
function asked() {
  let session: Session = newSession({
    ...{ name: "gpu-1", slots: 1, capabilities: { ffmpegVersion: "5.1", encoders: [] } },
  });
  let now = 0;
  const happen = (event: SessionEvent): readonly SessionEffect[] => {
    const step = reduce(session, event);
    session = step.session;
    return step.effects;
  };
  const hear = (message: EdgeMessage) => happen({ type: "received", now, message });
  happen({ type: "opened", now });
  hear(welcome([]));
  hear(leaseMessage(lease));
  const first = happen({ type: "proposed", now, lease, plan });
  return {
    first,
    hear,
    happen,
    after: (ms: number) => {
      now += ms;
      return happen({ type: "tick", now });
    },
    now: () => now,
    held: () => session.leases.size,
  };
}

const plansIn = (effects: readonly SessionEffect[]): readonly WorkerMessage[] =>
  effects.flatMap((effect) =>
    effect.type === "send" && effect.message.type === "plan" ? [effect.message] : [],
  );
const answer = (status: "accepted" | "refused"): EdgeMessage => ({
  ...{ type: "ack", of: "plan", lease, status },
});

test("it is asked at once, again until it is answered, and then no more", () => {
  const agent = asked();
  expect(plansIn(agent.first)).toHaveLength(1);
  expect(plansIn(agent.after(60_000))).toHaveLength(1);
  agent.hear(answer("refused"));
  expect(plansIn(agent.after(600_000))).toEqual([]);
});

test("a lost answer is asked for on the next socket", () => {
  const agent = asked();
  const cause = { kind: "lost", detail: "reset" } as const;
  agent.happen({ type: "closed", now: agent.now(), cause, random: 0 });
  agent.happen({ type: "opened", now: agent.now() });
  expect(plansIn(agent.hear(welcome([kept(lease)])))).toHaveLength(1);
});

test("refused, the attempt goes on and is completed under the same lease", () => {
  const agent = asked();
  expect(agent.hear(answer("refused"))).toContainEqual({ type: "decline", lease });
  const ended = agent.happen({ type: "ended", now: agent.now(), lease, outcome: completed });
  expect(ended).toContainEqual(
    expect.objectContaining({ message: expect.objectContaining({ type: "complete" }) }),
  );
});

test("accepted, or the lease lost meanwhile, the attempt is stopped and nothing more is said of it", () => {
  for (const end of [answer("accepted"), welcome([lost(lease)])]) {
    const agent = asked();
    if (end.type === "welcome") agent.happen({ type: "opened", now: agent.now() });
    expect(agent.hear(end)).toContainEqual(expect.objectContaining({ type: "stop", lease }));
    const outcome = { status: "abandoned" } as const;
    const after = agent.happen({ type: "ended", now: agent.now(), lease, outcome });
    expect(
      after.filter((effect) => effect.type === "send" && effect.message.type !== "pull"),
    ).toEqual([]);
    expect(agent.held()).toBe(0);
  }
});

test("an attempt that fails while it waits says so in place of the question", () => {
  const agent = asked();
  const outcome = failed;
  const effects = agent.happen({ type: "ended", now: agent.now(), lease, outcome });
  expect(plansIn(effects)).toEqual([]);
  expect(effects).toContainEqual(
    expect.objectContaining({ message: expect.objectContaining({ type: "fail" }) }),
  );
});
