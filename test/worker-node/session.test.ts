/** What an agent says of the leases that it holds, and how it asks for more. */
import { describe, expect, test } from "vitest";
import type { WorkerMessage } from "../../protocol/messages.ts";
import { REST_MS } from "../../worker-node/session.ts";
import { drive, sent, types } from "./support/drive-session.ts";
import {
  ackOf,
  completed,
  failed,
  grantOf,
  kept,
  leaseMessage,
  leaseRef,
  noEngine,
  reportOf,
} from "./support/messages.ts";

const first = leaseRef(0);
const second = leaseRef(1);

describe("slots are sessions", () => {
  const ladder = { ...leaseMessage(first), slots: 3 };

  test("a lease takes as many as it says, and one that would not fit is given back", () => {
    const agent = drive(4);
    agent.join();
    expect(sent(agent.hear(ladder))).toMatchObject([{ type: "progress" }]);
    expect(sent(agent.hear({ ...leaseMessage(second), slots: 2 }))).toMatchObject([
      { type: "release", reason: "not_running" },
      { type: "pull", free: 1 },
    ]);
  });

  test("those that the plan leaves are said once, and offered at once", () => {
    const agent = drive(4);
    agent.join();
    agent.hear(ladder);
    const report = reportOf({ stage: "planning", slots: 2 });
    expect(sent(agent.happen({ type: "progressed", lease: first, report }))).toMatchObject([
      { type: "progress", slots: 2 },
      { type: "pull", free: 2 },
    ]);
    agent.happen({ type: "progressed", lease: first, report: { ...report, movement: 101 } });
    const [again] = sent(agent.after(1_000));
    expect(again).toMatchObject({ type: "progress" });
    expect(again).not.toHaveProperty("slots");
  });

  test("a new socket hears of them again, and a plan that wants more than its lease gets no more", () => {
    const agent = drive(4);
    agent.join();
    agent.hear(ladder);
    agent.happen({ type: "progressed", lease: first, report: reportOf({ slots: 2 }) });
    agent.happen({ type: "progressed", lease: first, report: reportOf({ slots: 9 }) });
    agent.close();
    const { effects } = agent.join(kept(first));
    expect(sent(effects)).toMatchObject([
      { type: "progress", slots: 2 },
      { type: "pull", free: 2 },
    ]);
  });

  test("an engine that took the place of one that failed is said as well", () => {
    const agent = drive(1);
    agent.join();
    agent.hear(leaseMessage(first));
    const on = (device: string, encoder: string, movement: number) => {
      const report = reportOf({ engine: { device, encoder }, movement });
      const atOnce = sent(agent.happen({ type: "progressed", lease: first, report }));
      return [...atOnce, ...sent(agent.after(1_000))];
    };
    expect(on("cuda:0", "h264_nvenc", 101)).toMatchObject([{ engine: { device: "cuda:0" } }]);
    expect(on("cuda:0", "h264_nvenc", 102)[0]).not.toHaveProperty("engine");
    expect(on("cpu", "libx264", 103)).toMatchObject([{ engine: { device: "cpu" } }]);
  });
});

describe("asking for work", () => {
  test("an idle agent says once how many slots are free, and then is silent", () => {
    const agent = drive(2);
    const { hello, effects } = agent.join();
    expect(hello).toMatchObject({ type: "hello", name: "gpu-1", slots: 2, leases: [] });
    expect(sent(effects)).toEqual([{ type: "pull", free: 2 }]);
    expect(agent.wake()).toBeNull();
    expect(agent.after(3_600_000)).toEqual([]);
  });

  test("a lease uses up credit that the edge knows of: nothing is pulled again for it", () => {
    const agent = drive(2);
    agent.join();
    const effects = agent.hear(leaseMessage(first));
    expect(types(effects)).toEqual(["start", "send"]);
    expect(sent(effects)).toEqual([
      expect.objectContaining({ type: "progress", stage: "probing" }),
    ]);
  });

  test("a slot is free again when the attempt has ended here, after its settlement is sent", () => {
    const agent = drive(1);
    agent.join();
    agent.hear(leaseMessage(first));
    const messages = sent(agent.happen({ type: "ended", lease: first, outcome: completed }));
    expect(messages.map(({ type }) => type)).toEqual(["complete", "pull"]);
  });

  test("a lease beyond the slots is released, not run", () => {
    const agent = drive(1);
    agent.join();
    agent.hear(leaseMessage(first));
    const effects = agent.hear(leaseMessage(second));
    expect(types(effects)).toEqual(["send"]);
    expect(sent(effects)).toEqual([{ type: "release", lease: second, reason: "not_running" }]);
  });

  test("the same lease twice starts one attempt", () => {
    const agent = drive(2);
    agent.join();
    agent.hear(leaseMessage(first));
    expect(types(agent.hear(leaseMessage(first)))).toEqual(["renew"]);
  });

  test("a full disk gives the lease back and asks for nothing until it rested", () => {
    const agent = drive(1);
    agent.join();
    agent.hear(leaseMessage(first));
    const outcome = { status: "released", reason: "no_disk" } as const;
    const messages = sent(agent.happen({ type: "ended", lease: first, outcome }));
    expect(messages).toEqual([{ type: "release", lease: first, reason: "no_disk" }]);
    agent.hear(ackOf("release", first));
    expect(agent.wake()).toBe(agent.now() + REST_MS);
    expect(sent(agent.after(REST_MS - 1))).toEqual([]);
    expect(sent(agent.after(1))).toEqual([{ type: "pull", free: 1 }]);
  });
});

describe("progress", () => {
  test("reports are held to the interval, and the latest one goes out when it is over", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    const early = { type: "progressed", lease: first, report: reportOf({ movement: 1 }) } as const;
    expect(sent(agent.happen(early))).toMatchObject([{ movement: 1, stage: "transcoding" }]);
    const report = reportOf({ movement: 2 });
    expect(sent(agent.happen({ type: "progressed", lease: first, report }))).toEqual([]);
    expect(agent.wake()).toBe(agent.now() + 1_000);
    expect(sent(agent.after(999))).toEqual([]);
    expect(sent(agent.after(1))).toMatchObject([{ type: "progress", movement: 2 }]);
    expect(agent.wake()).toBeNull();
  });

  test("a new stage is told at once", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    const report = reportOf({ stage: "planning", movement: 0 });
    const messages = sent(agent.happen({ type: "progressed", lease: first, report }));
    expect(messages).toMatchObject([{ type: "progress", stage: "planning" }]);
  });

  test("someone who watches is told at the interval he is given", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.happen({ type: "progressed", lease: first, report: reportOf() });
    agent.happen({ type: "progressed", lease: first, report: reportOf({ movement: 101 }) });
    agent.hear({ type: "watch", lease: first, progressIntervalMs: 250 });
    expect(sent(agent.after(249))).toEqual([]);
    expect(sent(agent.after(1))).toMatchObject([{ type: "progress", movement: 101 }]);
  });

  test("source and engine are said once, and again to a new socket", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    const engine = { device: "cpu", encoder: "libx264" };
    agent.happen({ type: "progressed", lease: first, report: reportOf({ engine }) });
    agent.happen({ type: "progressed", lease: first, report: reportOf({ engine, movement: 101 }) });
    expect(sent(agent.after(1_000))[0]).not.toHaveProperty("engine");
    agent.close();
    expect(sent(agent.join(kept(first)).effects)).toMatchObject([{ type: "progress", engine }]);
  });

  test("a renewed grant reaches the attempt", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    const grant = grantOf("/v1/leases/grant-2");
    expect(agent.hear({ ...ackOf("progress", first), grant })).toEqual([
      { type: "renew", lease: first, grant },
    ]);
  });
});

describe("complete, fail and release", () => {
  const settlements = [
    { outcome: completed, type: "complete" },
    { outcome: failed, type: "fail" },
    { outcome: { status: "released", reason: "device_resting" }, type: "release" },
  ] as const;

  test.each(settlements)("$type is sent again until it is acknowledged", ({ outcome, type }) => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    expect(sent(agent.happen({ type: "ended", lease: first, outcome }))[0]?.type).toBe(type);
    const isSame = (message: WorkerMessage) => message.type === type;
    expect(sent(agent.after(4_999)).filter(isSame)).toEqual([]);
    expect(sent(agent.after(1)).filter(isSame)).toHaveLength(1);
    expect(sent(agent.after(10_000)).filter(isSame)).toHaveLength(1);
    agent.hear(ackOf(type, first));
    expect(sent(agent.after(3_600_000)).filter(isSame)).toEqual([]);
    expect(agent.session().leases.size).toBe(0);
  });

  test.each(settlements)("$type made offline is sent after the welcome", ({ outcome, type }) => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.close();
    expect(sent(agent.happen({ type: "ended", lease: first, outcome }))).toEqual([]);
    const { hello, effects } = agent.join(kept(first));
    expect(hello).toMatchObject({ leases: [{ lease: first }] });
    expect(sent(effects)[0]?.type).toBe(type);
  });

  test("a refusal settles too: it is not sent again", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.happen({ type: "ended", lease: first, outcome: completed });
    agent.hear(ackOf("complete", first, "refused"));
    expect(agent.session().leases.size).toBe(0);
  });

  test("an acknowledgement of another kind settles nothing", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    agent.happen({ type: "ended", lease: first, outcome: completed });
    agent.hear(ackOf("release", first));
    expect(sent(agent.after(5_000))).toMatchObject([{ type: "complete" }]);
  });

  test("an attempt that its run limit ended says nothing and stays claimed until it is revoked", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    const messages = sent(
      agent.happen({ type: "ended", lease: first, outcome: { status: "abandoned" } }),
    );
    expect(messages).toEqual([{ type: "pull", free: 1 }]);
    agent.close();
    expect(agent.join(kept(first)).hello).toMatchObject({ leases: [{ lease: first }] });
    agent.hear({ type: "revoke", lease: first, reason: "run_limit" });
    expect(agent.session().leases.size).toBe(0);
  });

  test("details and logs are cut to the protocol's limits and freed of secrets", () => {
    const agent = drive();
    agent.join();
    agent.hear(leaseMessage(first));
    const log = Array.from({ length: 60 }, (_, index) => `${index} ${"x".repeat(600)}`);
    const outcome = {
      ...failed,
      detail: `https://store.example/a?X-Amz-Signature=secret ${"y".repeat(3_000)}`,
      engine: { ...noEngine, log },
    };
    const [fail] = sent(agent.happen({ type: "ended", lease: first, outcome }));
    if (fail?.type !== "fail") throw new Error("fail expected");
    expect(fail.detail).toHaveLength(2_000);
    expect(fail.detail).not.toContain("secret");
    expect(fail.engine.log).toHaveLength(40);
    expect(fail.engine.log.at(-1)).toMatch(/^59 /);
    expect(Math.max(...fail.engine.log.map((line) => line.length))).toBe(500);
  });
});
