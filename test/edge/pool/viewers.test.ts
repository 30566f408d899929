import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { socketPaths, viewerHeaders } from "../../../edge/pool/rpc.ts";
import type { NumberedEvent } from "../../../protocol/http/events.ts";
import type { LeaseRef } from "../../../protocol/task.ts";
import { SocketReader } from "../http/event-reader.ts";
import {
  type Agent,
  countAlarms,
  countRows,
  DAY,
  deliver,
  dial,
  join,
  newPool,
  type PoolStub,
  pass,
  ringAlarm,
  rowsWritten,
  rpc,
  running,
  SECOND,
  submissionOf,
  usePool,
} from "./harness.ts";

usePool();

/** How often an attempt reports for nobody, and for somebody. */
const USUAL_MS = 2000;
const WATCHED_MS = 500;

/** Opens a viewer's socket as the Worker does once it has checked the key. */
async function look(stub: PoolStub, jobId: string, after = 0): Promise<SocketReader> {
  const answer = await stub.fetch(`https://pool.internal${socketPaths.viewer}`, {
    headers: {
      upgrade: "websocket",
      [viewerHeaders.jobId]: jobId,
      [viewerHeaders.after]: String(after),
      [viewerHeaders.origin]: "https://video.example.com",
    },
  });
  return new SocketReader(answer);
}

/** A job that an agent is transcoding: lines 1 (queued), 2 (leased), 3 (transcoding). */
async function transcoding(stub: PoolStub) {
  const run = await running(stub);
  run.agent.progress(run.lease);
  await run.agent.settled();
  return { ...run, jobId: run.submission.jobId };
}

const paceOf = (lease: LeaseRef, progressIntervalMs: number) => ({
  type: "watch",
  lease,
  progressIntervalMs,
});

/** Closes the viewer's socket, and comes back when the pool has heard it. */
async function leave(viewer: SocketReader): Promise<void> {
  viewer.close();
  await viewer.closed;
}

const idsOf = (events: readonly NumberedEvent[]) => events.map((event) => event.id);

describe("watch", () => {
  test("is sent when the first viewer comes, and withdrawn when the last one goes", async () => {
    const pool = newPool();
    const { agent, lease, jobId } = await transcoding(pool);
    const first = await look(pool, jobId);
    expect(await agent.next()).toEqual(paceOf(lease, WATCHED_MS));
    const second = await look(pool, jobId);
    await second.upTo(3);
    expect(await agent.settled()).toEqual([]);
    await leave(first);
    expect(await agent.settled()).toEqual([]);
    await leave(second);
    expect(await agent.next()).toEqual(paceOf(lease, USUAL_MS));
  });

  test("follows a lease that is given while somebody looks", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    const viewer = await look(pool, submission.jobId);
    await viewer.upTo(1);
    const agent = await join(pool);
    const { lease } = await agent.expect("lease");
    expect(await agent.next()).toEqual(paceOf(lease, WATCHED_MS));
  });

  test("is said again to an agent that resumes while somebody looks, after its welcome", async () => {
    const pool = newPool();
    const { agent, lease, jobId } = await transcoding(pool);
    const viewer = await look(pool, jobId);
    await viewer.upTo(3);
    await agent.expect("watch");
    const again = await dial(pool, agent.workerId);
    again.hello({ leases: [{ lease, stage: "transcoding", fraction: 0.1 }] });
    await again.expect("welcome");
    expect(await again.next()).toEqual(paceOf(lease, WATCHED_MS));
  });

  test("is not said for a lease that was lost, nor where nobody looks", async () => {
    const pool = newPool();
    const { agent, lease } = await transcoding(pool);
    const again = await dial(pool, agent.workerId);
    const gone = { ...lease, epoch: 7 };
    again.hello({
      leases: [lease, gone].map((l) => ({ lease: l, stage: "probing", fraction: 0 })),
    });
    await again.expect("welcome");
    expect(await again.settled()).toEqual([]);
  });

  test("concerns the job that is looked at, and no other", async () => {
    const pool = newPool();
    const { agent, jobId } = await transcoding(pool);
    const other = await transcoding(pool);
    const viewer = await look(pool, other.jobId);
    expect(await other.agent.next()).toEqual(paceOf(other.lease, WATCHED_MS));
    expect(await agent.settled()).toEqual([]);
    await leave(viewer);
    expect(await other.agent.next()).toEqual(paceOf(other.lease, USUAL_MS));
    expect(await agent.settled()).toEqual([]);
    expect(jobId).not.toBe(other.jobId);
  });

  test("is withdrawn by a pool that was evicted since it was sent", async () => {
    const pool = newPool();
    const { agent, lease, jobId } = await transcoding(pool);
    const viewer = await look(pool, jobId);
    await agent.expect("watch");
    await evictDurableObject(pool);
    await leave(viewer);
    expect(await agent.next()).toEqual(paceOf(lease, USUAL_MS));
  });

  test("that is known to be on after an eviction is not said again to whoever comes next", async () => {
    const pool = newPool();
    const { agent, jobId } = await transcoding(pool);
    await look(pool, jobId);
    await agent.expect("watch");
    await evictDurableObject(pool);
    const second = await look(pool, jobId);
    await second.upTo(3);
    expect(await agent.settled()).toEqual([]);
  });
});

describe("a viewer of a silent job", () => {
  test("is told what happens after any number of evictions, each line once", async () => {
    const pool = newPool();
    const { agent, lease, submission, jobId } = await transcoding(pool);
    const viewer = await look(pool, jobId);
    const seen = await viewer.upTo(3);
    await evictDurableObject(pool);
    await rpc(pool).workers();
    await evictDurableObject(pool);
    agent.complete(lease, [await deliver(submission, lease)]);
    const events = [...seen, ...(await viewer.upTo(5))];
    expect(idsOf(events)).toEqual([1, 2, 3, 4, 5]);
    expect(events.at(-1)?.data.state).toBe("completed");
    expect((await viewer.closed).code).toBe(1000);
  });

  test("costs no row, no alarm and no message, and leaves nothing that keeps the pool awake", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    await ringAlarm(pool);
    const [rows, alarms] = [await rowsWritten(pool), await countAlarms(pool)];
    const viewer = await look(pool, submission.jobId);
    await viewer.upTo(1);
    viewer.say("ping");
    expect(await viewer.frame()).toBe("pong");
    expect(await rowsWritten(pool)).toBe(rows);
    expect(alarms).not.toHaveBeenCalled();
    // Only sockets that were accepted for hibernation are known to the object by their tag.
    const hibernating = await runInDurableObject(
      pool,
      (_pool, state) => state.getWebSockets(submission.jobId).length,
    );
    expect(hibernating).toBe(1);
    expect(viewer.unread).toBe(0);
  });

  test("is told on waking what the pool committed before it was evicted, and did not come to tell", async () => {
    const pool = newPool();
    const { jobId } = await transcoding(pool);
    const viewer = await look(pool, jobId);
    await viewer.upTo(3);
    // As if it had been told less.
    await runInDurableObject(pool, (_pool, state) => {
      for (const socket of state.getWebSockets(jobId)) {
        socket.serializeAttachment({ ...socket.deserializeAttachment(), after: 1 });
      }
    });
    await evictDurableObject(pool);
    await rpc(pool).workers();
    expect(idsOf([await viewer.numbered(), await viewer.numbered()])).toEqual([2, 3]);
  });
});

describe("the history", () => {
  test("has every revision once, however the viewers come and go", async () => {
    const pool = newPool();
    const { agent, lease, submission, jobId } = await transcoding(pool);
    const stayer = await look(pool, jobId);
    const goer = await look(pool, jobId);
    expect(idsOf(await goer.upTo(3))).toEqual([1, 2, 3]);
    await leave(goer);
    agent.complete(lease, [await deliver(submission, lease)]);
    expect(idsOf(await stayer.upTo(5))).toEqual([1, 2, 3, 4, 5]);
    const back = await look(pool, jobId, 3);
    expect(idsOf(await back.upTo(5))).toEqual([4, 5]);
    expect((await rpc(pool).read(submission)).revision).toBe(5);
  });

  test("is longer than a page and still whole", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    await runInDurableObject(pool, (_pool, state) => {
      const { line } = state.storage.sql.exec<{ line: string }>("SELECT line FROM history").one();
      state.storage.sql.exec("UPDATE jobs SET record = json_set(record, '$.revision', 250)");
      const sequences = Array.from({ length: 249 }, (_, index) => index + 2);
      for (const sequence of sequences) {
        state.storage.sql.exec(
          "INSERT INTO history VALUES (?, ?, ?)",
          submission.jobId,
          sequence,
          JSON.stringify({ ...JSON.parse(line), sequence }),
        );
      }
    });
    await evictDurableObject(pool);
    const viewer = await look(pool, submission.jobId);
    const ids = idsOf(await viewer.upTo(250));
    expect(ids).toEqual(Array.from({ length: 250 }, (_, index) => index + 1));
  });

  test("goes with the job's tombstone", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    await rpc(pool).cancel(submission);
    expect(await countRows(pool, "history")).toBe(2);
    pass(31 * DAY);
    await ringAlarm(pool);
    expect(await countRows(pool, "history")).toBe(0);
  });
});

describe("progress", () => {
  const moved = (agent: Agent, lease: LeaseRef, movement: number) =>
    agent.progress(lease, { movement, fraction: movement / 100, fps: 60, speed: 2.5 });

  test("is shown to whoever looks, without an id, and writes no row", async () => {
    const pool = newPool();
    const { agent, lease, jobId } = await transcoding(pool);
    const viewer = await look(pool, jobId);
    await viewer.upTo(3);
    // Where the job is now, for who has just come.
    expect(await viewer.next()).toMatchObject({ event: "progress" });
    pass(SECOND);
    const before = await rowsWritten(pool);
    moved(agent, lease, 50);
    const shown = await viewer.next();
    expect(shown).toMatchObject({
      event: "progress",
      data: { jobId, state: "transcoding", stageProgress: 50, fps: 60, speed: 2.5 },
    });
    expect("id" in shown).toBe(false);
    expect(await rowsWritten(pool)).toBe(before);
  });

  test("is shown at most once in a quarter of a second, whatever the workers report", async () => {
    const pool = newPool();
    const { agent, lease, jobId } = await transcoding(pool);
    const viewer = await look(pool, jobId);
    await viewer.upTo(3);
    await viewer.next();
    pass(SECOND);
    for (let movement = 10; movement < 30; movement++) moved(agent, lease, movement);
    await agent.settled();
    pass(250);
    moved(agent, lease, 40);
    const shown = [await viewer.next(), await viewer.next()];
    expect(shown).toMatchObject([{ data: { stageProgress: 10 } }, { data: { stageProgress: 40 } }]);
    expect(viewer.unread).toBe(0);
  });

  test("goes on when the clock was set back", async () => {
    const pool = newPool();
    const { agent, lease, jobId } = await transcoding(pool);
    const viewer = await look(pool, jobId);
    await viewer.upTo(3);
    await viewer.next();
    pass(SECOND);
    moved(agent, lease, 10);
    expect(await viewer.next()).toMatchObject({ data: { stageProgress: 10 } });
    pass(-60 * SECOND);
    moved(agent, lease, 20);
    expect(await viewer.next()).toMatchObject({ data: { stageProgress: 20 } });
  });
});

describe("a viewer's request", () => {
  const ask = (stub: PoolStub, jobId: string, after: number) =>
    stub.fetch(`https://pool.internal${socketPaths.viewer}`, {
      headers: { [viewerHeaders.jobId]: jobId, [viewerHeaders.after]: String(after) },
    });

  test("for a job that the pool does not know is 404", async () => {
    expect((await ask(newPool(), "job_01J00000000000000000000000", 0)).status).toBe(404);
  });

  test("for what it has seen of a job that has ended is 204", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    await rpc(pool).cancel(submission);
    expect((await ask(pool, submission.jobId, 2)).status).toBe(204);
    expect((await ask(pool, submission.jobId, 99)).status).toBe(204);
  });
});
