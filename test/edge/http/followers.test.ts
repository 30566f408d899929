import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { join, usePool } from "../pool/harness.ts";
import { SocketReader, StreamReader } from "./event-reader.ts";
import { complete, submit } from "./followed-job.ts";

usePool();

describe("over a socket", () => {
  test("the same events come as JSON frames, and it closes after the terminal one", async () => {
    const job = await submit();
    const answer = await job.follow({ upgrade: true });
    expect(answer.status).toBe(101);
    const reader = new SocketReader(answer);
    const stream = new StreamReader(await job.follow());
    await complete(job);
    const overStream = (await stream.rest()).filter((event) => event.event !== "progress");
    const overSocket = await reader.upTo(overStream.length);
    expect(
      overSocket.map(({ data: { outputs: _, ...data }, ...event }) => ({ ...event, data })),
    ).toEqual(
      overStream.map(({ data: { outputs: _, ...data }, ...event }) => ({ ...event, data })),
    );
    expect((await reader.closed).code).toBe(1000);
  });

  test("it resumes by the id in the query, and closes at once where nothing is left to tell", async () => {
    const job = await submit();
    await job.cancel();
    const reader = new SocketReader(await job.follow({ upgrade: true, query: "?lastEventId=1" }));
    expect(await reader.next()).toMatchObject({ id: 2 });
    expect((await reader.closed).code).toBe(1000);
    const done = new SocketReader(await job.follow({ upgrade: true, query: "?lastEventId=2" }));
    expect((await done.closed).code).toBe(1000);
    expect(done.unread).toBe(0);
  });

  test("a ping is answered, and anything else closes it", async () => {
    const job = await submit();
    const reader = new SocketReader(await job.follow({ upgrade: true }));
    await reader.upTo(1);
    reader.say("ping");
    expect(await reader.frame()).toBe("pong");
    reader.say("let me in");
    expect((await reader.closed).code).toBe(1008);
  });

  test("one whose pool is replaced is told to come back, and misses nothing", async () => {
    const job = await submit();
    const reader = new SocketReader(await job.follow({ upgrade: true }));
    await reader.upTo(1);
    await evictDurableObject(job.pool, { webSockets: "close" });
    expect((await reader.closed).code).not.toBe(1000);
    await job.cancel();
    const again = new SocketReader(await job.follow({ upgrade: true, query: "?lastEventId=1" }));
    expect(await again.next()).toMatchObject({ id: 2, data: { state: "cancelled" } });
  });

  test("one that is left lets go of its socket into the pool", async () => {
    const job = await submit();
    const agent = await join(job.pool);
    const { lease } = await agent.expect("lease");
    const reader = new SocketReader(await job.follow({ upgrade: true }));
    expect(await agent.next()).toMatchObject({ type: "watch", lease, progressIntervalMs: 500 });
    reader.close();
    expect(await agent.next()).toMatchObject({ type: "watch", lease, progressIntervalMs: 2000 });
  });
});

describe("a stream that is left", () => {
  test("lets go of its socket into the pool, and the worker reports as for nobody", async () => {
    const job = await submit();
    const agent = await join(job.pool);
    const { lease } = await agent.expect("lease");
    const reader = new StreamReader(await job.follow());
    expect(await agent.next()).toMatchObject({ type: "watch", lease, progressIntervalMs: 500 });
    await reader.upTo(1);
    await reader.stop();
    expect(await agent.next()).toMatchObject({ type: "watch", lease, progressIntervalMs: 2000 });
  });

  test("outlives the eviction of its pool, and goes on where it was", async () => {
    const job = await submit();
    const reader = new StreamReader(await job.follow());
    await reader.upTo(1);
    await evictDurableObject(job.pool);
    await job.cancel();
    expect(await reader.rest()).toMatchObject([{ id: 2, data: { state: "cancelled" } }]);
  });

  test("ends where its pool is replaced, so that its client resumes", async () => {
    const job = await submit();
    const reader = new StreamReader(await job.follow());
    await reader.upTo(1);
    await evictDurableObject(job.pool, { webSockets: "close" });
    expect(await reader.rest()).toEqual([]);
  });
});
