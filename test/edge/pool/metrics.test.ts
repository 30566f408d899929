/** What a pool counts, and that it counts it once. */
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import {
  deliver,
  join,
  newPool,
  pass,
  ringAlarm,
  rpc,
  settleOutbox,
  submissionOf,
  TTL,
  usePool,
} from "./harness.ts";

usePool();

describe("a pool's metrics", () => {
  test("show the queue, the fleet and what is under way", async () => {
    const pool = newPool();
    const waiting = submissionOf();
    await rpc(pool).submit(waiting);
    await rpc(pool).submit(submissionOf());
    pass(5_000);
    expect(await rpc(pool).metrics()).toMatchObject({
      ready: 2,
      leased: 0,
      workersConnected: 0,
      slots: 0,
    });
    const agent = await join(pool);
    await agent.expect("lease");
    expect(await rpc(pool).metrics()).toMatchObject({
      ready: 1,
      leased: 1,
      workersConnected: 1,
      slotsBusy: 1,
    });
  });

  test("count a completed attempt once, however often its completion is repeated, and keep it over an eviction", async () => {
    const pool = newPool();
    const agent = await join(pool);
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    const { lease } = await agent.expect("lease");
    agent.progress(lease, { stage: "transcoding" });
    pass(4_000);
    const outputs = [await deliver(submission, lease)];
    agent.complete(lease, outputs);
    await agent.expect("ack");
    agent.complete(lease, outputs);
    await agent.expect("ack");
    const counted = {
      jobs: { completed: 1 },
      attempts: [{ state: "completed", kind: "whole", count: 1, seconds: 4 }],
    };
    expect((await rpc(pool).metrics()).counters).toMatchObject(counted);
    await settleOutbox(pool);
    await evictDurableObject(pool);
    expect((await rpc(pool).metrics()).counters).toMatchObject(counted);
    expect((await rpc(pool).metrics()).counters.attempts).toHaveLength(1);
  });

  test("count an expired lease as an attempt that expired, not as a job that ended", async () => {
    const pool = newPool();
    const agent = await join(pool);
    await rpc(pool).submit(submissionOf());
    await agent.expect("lease");
    pass(TTL + 1_000);
    await ringAlarm(pool);
    const { counters } = await rpc(pool).metrics();
    expect(counters.jobs).toEqual({});
    expect(counters.attempts).toEqual([
      expect.objectContaining({ state: "expired", kind: "whole", count: 1 }),
    ]);
  });
});
