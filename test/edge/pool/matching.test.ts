/** Who is given which job. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { newId } from "../../../edge/ids.ts";
import {
  dial,
  join,
  newPool,
  pass,
  proving,
  rpc,
  SECOND,
  submissionOf,
  time,
  usePool,
} from "./harness.ts";

usePool();

describe("matching", () => {
  test("looks past a job that cannot be leased: those behind it are", async () => {
    const pool = newPool();
    const [broken, whole] = [submissionOf({ priority: 9 }), submissionOf()];
    for (const submission of [broken, whole]) await rpc(pool).submit(submission);
    await runInDurableObject(pool, (_pool, state) => {
      state.storage.sql.exec("UPDATE jobs SET record = '' WHERE id = ?", broken.jobId);
    });
    await evictDurableObject(pool);
    const agent = await join(pool);
    expect((await agent.expect("lease")).task.jobId).toBe(whole.jobId);
  });

  test("gives no worker more than its slots, nor more than it asked for", async () => {
    const pool = newPool();
    for (let i = 0; i < 5; i++) await rpc(pool).submit(submissionOf());
    const eager = await join(pool, { slots: 2, free: 200 });
    expect((await eager.settled()).map((message) => message.type)).toEqual(["lease", "lease"]);
    const modest = await join(pool, { slots: 8, free: 1 });
    expect((await modest.settled()).map((message) => message.type)).toEqual(["lease"]);
  });

  test("counts a ladder's slots, also after an eviction, and gives those that its plan leaves to others", async () => {
    const pool = newPool();
    const work = { mode: "recipe", recipe: { name: "hls", maxHeight: 480 } } as const;
    await rpc(pool).submit(submissionOf({ work, priority: 1 }));
    await rpc(pool).submit(submissionOf());
    await rpc(pool).submit(submissionOf());
    const agent = await join(pool, { slots: 3, free: 3 });
    const ladder = await agent.expect("lease");
    expect(ladder.slots).toBe(3);
    expect(await agent.settled()).toEqual([]);
    agent.progress(ladder.lease, { slots: 2 });
    await evictDurableObject(pool);
    agent.say({ type: "pull", free: 3 });
    expect(await agent.settled()).toMatchObject([{ type: "lease", slots: 1 }]);
  });

  test("gives the higher priority first, and the older of equals", async () => {
    const pool = newPool();
    const late = submissionOf({ priority: -1 });
    const first = submissionOf();
    const urgent = submissionOf({ priority: 5 });
    for (const submission of [late, first, urgent]) {
      await rpc(pool).submit(submission);
      pass(SECOND);
    }
    const agent = await join(pool, { slots: 3, free: 3 });
    const order = (await agent.settled()).map((m) => (m.type === "lease" ? m.task.jobId : m.type));
    expect(order).toEqual([urgent.jobId, first.jobId, late.jobId]);
  });

  test("gives a codec only to who proved an encoder for it, also behind many it cannot do", async () => {
    const pool = newPool();
    const work = { mode: "recipe", recipe: { name: "transcode", codec: "av1" } } as const;
    await Promise.all(
      Array.from({ length: 300 }, () => rpc(pool).submit(submissionOf({ work, priority: 1 }))),
    );
    const plain = submissionOf();
    await rpc(pool).submit(plain);
    const old = await dial(pool, newId("worker", time()));
    old.hello({ slots: 2, capabilities: proving("h264") });
    await old.expect("welcome");
    old.say({ type: "pull", free: 2 });
    expect(await old.settled()).toMatchObject([{ type: "lease", task: { jobId: plain.jobId } }]);
    const modern = await dial(pool, newId("worker", time()));
    modern.hello({ slots: 1, capabilities: proving("h264", "av1") });
    await modern.expect("welcome");
    modern.say({ type: "pull", free: 1 });
    expect((await modern.expect("lease")).task.work).toEqual(work);
  });

  test("leases every job once, however many workers ask at the same time", async () => {
    const pool = newPool();
    const agents = await Promise.all(Array.from({ length: 10 }, () => join(pool)));
    const submissions = Array.from({ length: 10 }, () => submissionOf());
    await Promise.all(submissions.map((submission) => rpc(pool).submit(submission)));
    const leases = await Promise.all(agents.map((agent) => agent.expect("lease")));
    expect(new Set(leases.map((lease) => lease.task.jobId)).size).toBe(10);
  });
});
