/** How an agent keeps its leases over sockets that come and go, and how it ends. */
import { describe, expect, test } from "vitest";
import type { CloseCause, SessionEffect } from "../../worker-node/session-model.ts";
import { drive, sent, types } from "./support/drive-session.ts";
import {
  ackOf,
  completed,
  kept,
  leaseMessage,
  leaseRef,
  lost,
  reportOf,
} from "./support/messages.ts";

const first = leaseRef(0);
const second = leaseRef(1);

describe("connections", () => {
  test("a dropped socket stops nothing: the lease is claimed with its stage and fraction", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.happen({ type: "progressed", lease: first, report: reportOf({ fraction: 0.7 }) });
    expect(types(agent.close())).toEqual(["connect"]);
    const { hello, effects } = agent.join(kept(first));
    expect(hello).toMatchObject({
      leases: [{ lease: first, stage: "transcoding", fraction: 0.7 }],
    });
    expect(types(effects)).toEqual(["set_ping", "renew", "limit", "send"]);
  });

  test("a lease that the welcome calls lost is stopped at once and never spoken of again", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.close();
    const { effects } = agent.join(lost(first));
    expect(effects).toContainEqual({ type: "stop", lease: first, reason: "expired" });
    const ended = agent.happen({ type: "ended", lease: first, outcome: completed });
    expect(sent(ended)).toEqual([{ type: "pull", free: 1 }]);
  });

  test("a lease that the welcome does not name is lost", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.close();
    expect(types(agent.join().effects)).toContain("stop");
  });

  test("a lost attempt occupies its slot until its processes are gone", () => {
    const agent = drive(1);
    agent.join();
    agent.hear(leaseMessage(first));
    agent.close();
    expect(sent(agent.join(lost(first)).effects)).toEqual([]);
    const ended = agent.happen({ type: "ended", lease: first, outcome: { status: "abandoned" } });
    expect(sent(ended)).toEqual([{ type: "pull", free: 1 }]);
  });

  test.each(["cancelled", "expired", "superseded", "worker_revoked"] as const)(
    "a lease revoked as %s is stopped at once",
    (reason) => {
      const agent = drive();
      agent.join();
      agent.hear(leaseMessage(first));
      expect(agent.hear({ type: "revoke", lease: first, reason })).toContainEqual({
        type: "stop",
        lease: first,
        reason,
      });
    },
  );

  test("a newer epoch of a task stops the older attempt", () => {
    const agent = drive(2);
    agent.join();
    agent.hear(leaseMessage(first));
    const effects = agent.hear(leaseMessage(leaseRef(0, 2)));
    expect(types(effects)).toEqual(["stop", "start", "send"]);
  });

  test("the first reconnect is quick, the next ones back off, and a stable connection forgives", () => {
    const agent = drive();
    agent.join();
    const delay = (effects: readonly SessionEffect[]) =>
      effects.flatMap((effect) => (effect.type === "connect" ? [effect.delayMs] : []))[0];
    expect(delay(agent.close(undefined, 0.99))).toBeLessThanOrEqual(500);
    expect(delay(agent.close(undefined, 0.99))).toBe(990);
    expect(delay(agent.close(undefined, 0.99))).toBe(1_980);
    agent.join();
    expect(delay(agent.close(undefined, 0.99))).toBe(3_960);
    agent.join();
    agent.after(5_000);
    expect(delay(agent.close(undefined, 0.99))).toBe(495);
  });

  test("a refusal with Retry-After is obeyed", () => {
    const agent = drive();
    const cause = { kind: "refused", httpStatus: 503, retryAfterMs: 7_000 } as const;
    expect(agent.close(cause)).toContainEqual({ type: "connect", delayMs: 7_000 });
  });

  const stops: readonly (readonly [string, CloseCause, string])[] = [
    ["4401", { kind: "closed", code: 4401, reason: "" }, "unauthorized"],
    ["HTTP 401", { kind: "refused", httpStatus: 401, retryAfterMs: null }, "unauthorized"],
    ["4406", { kind: "closed", code: 4406, reason: "" }, "unsupported_version"],
    ["4409", { kind: "closed", code: 4409, reason: "" }, "replaced"],
  ];
  test.each(stops)("%s ends the agent once its attempts are dead", (_name, cause, reason) => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    expect(types(agent.close(cause))).toEqual(["stop"]);
    const ended = agent.happen({ type: "ended", lease: first, outcome: { status: "abandoned" } });
    expect(ended).toEqual([{ type: "exit", reason }]);
  });

  const reconnects: readonly CloseCause[] = [
    { kind: "closed", code: 4400, reason: "bad" },
    { kind: "closed", code: 4410, reason: "" },
    { kind: "closed", code: 1001, reason: "going away" },
    { kind: "refused", httpStatus: 500, retryAfterMs: null },
    { kind: "refused", httpStatus: 404, retryAfterMs: null },
    { kind: "lost", detail: "ECONNREFUSED" },
  ];
  test.each(reconnects)("$kind $code $httpStatus is followed by a reconnect", (cause) => {
    const agent = drive();
    expect(types(agent.close(cause))).toEqual(["connect"]);
  });
});

describe("drain and abort", () => {
  test("draining finishes what is held, takes nothing new, and ends when all is acknowledged", () => {
    const agent = drive(2);
    agent.join();
    agent.hear(leaseMessage(first));
    expect(sent(agent.happen({ type: "drain" }))).toEqual([{ type: "pull", free: 0 }]);
    expect(sent(agent.hear(leaseMessage(second)))).toEqual([
      { type: "release", lease: second, reason: "shutdown" },
    ]);
    agent.hear(ackOf("release", second));
    expect(types(agent.happen({ type: "ended", lease: first, outcome: completed }))).toEqual([
      "send",
    ]);
    expect(types(agent.hear(ackOf("complete", first)))).toEqual(["exit"]);
  });

  test("an idle agent ends at once when drained, connected or not", () => {
    const agent = drive();
    expect(agent.happen({ type: "drain" })).toEqual([{ type: "exit", reason: "drained" }]);
  });

  test("a drain by the edge takes nothing new, outlives the socket, and is said in the next hello", () => {
    const agent = drive();
    agent.join();
    expect(sent(agent.hear({ type: "drain" }))).toEqual([{ type: "pull", free: 0 }]);
    agent.close();
    const { hello, effects } = agent.join();
    expect(hello).toMatchObject({ leases: [], draining: true });
    expect(sent(effects)).toEqual([]);
  });

  test("an abort stops every attempt and releases its lease before it ends", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    const effects = agent.happen({ type: "abort" });
    expect(effects).toContainEqual({ type: "stop", lease: first, reason: "aborted" });
    expect(sent(effects)).toContainEqual({ type: "release", lease: first, reason: "shutdown" });
    agent.hear(ackOf("release", first));
    const ended = agent.happen({ type: "ended", lease: first, outcome: { status: "abandoned" } });
    expect(ended).toEqual([{ type: "exit", reason: "aborted" }]);
  });

  test("an abort without a socket waits for the attempts alone", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.close();
    agent.happen({ type: "abort" });
    const ended = agent.happen({ type: "ended", lease: first, outcome: { status: "abandoned" } });
    expect(ended).toEqual([{ type: "exit", reason: "aborted" }]);
  });

  test("an abort does not wait for ever", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.happen({ type: "abort" });
    const wake = agent.wake();
    expect(wake).not.toBeNull();
    expect(types(agent.after(5_000)).at(-1)).toBe("exit");
    expect(agent.wake()).toBeNull();
  });
});
