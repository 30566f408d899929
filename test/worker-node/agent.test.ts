/** The whole agent on real sockets and HTTP; only ffmpeg is played by the tests. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { RunStepOptions } from "../../worker-node/ffmpeg/index.ts";
import { type Connection, startFakeEdge } from "./support/fake-edge.ts";
import { ackOf, kept, leaseMessage, leaseRef, lost, welcome } from "./support/messages.ts";
import { goodEngine, heldEngine, MEDIA, OUTPUT, progress, runAgent } from "./support/run-agent.ts";

const first = leaseRef(0);
const QUICK = { progressIntervalMs: 20 };

/** Welcomes the next socket with the given fates. */
async function admit(
  edge: Awaited<ReturnType<typeof startFakeEdge>>,
  ...fates: Parameters<typeof welcome>[0] & object
) {
  const connection = await edge.connection();
  const hello = await connection.next("hello");
  connection.say(welcome(fates, QUICK));
  return { connection, hello };
}

/** Acknowledges, and waits until the slot is free again: by then scratch has been cleaned. */
async function settle(connection: Connection, of: "complete" | "fail" | "release") {
  await connection.next(of);
  connection.say(ackOf(of, first));
}

describe("a lease", () => {
  test("is probed, planned, run, uploaded and reported, and leaves no scratch", async () => {
    const edge = await startFakeEdge();
    const { attempts } = await runAgent(edge, goodEngine());
    const { connection, hello } = await admit(edge);
    expect(hello).toMatchObject({ version: 1, name: "gpu-1", slots: 1, leases: [] });
    expect(await connection.next("pull")).toEqual({ type: "pull", free: 1 });
    connection.say(leaseMessage(first));
    const complete = await connection.next("complete");
    expect(complete).toEqual({
      type: "complete",
      lease: first,
      outputs: [
        {
          key: "out_1",
          filename: "result.mp4",
          format: "mp4",
          contentType: "video/mp4",
          sizeBytes: OUTPUT.length,
          sha256: createHash("sha256").update(OUTPUT).digest("hex"),
          stored: { kind: "single", etag: createHash("md5").update(OUTPUT).digest("hex") },
          media: MEDIA,
        },
      ],
      engine: { device: "cpu", encoder: "libx264", exitCode: 0, log: ["done"] },
    });
    expect(edge.stored.get("result.mp4")?.equals(OUTPUT)).toBe(true);
    expect(await attempts()).toEqual([]);
    const stages = connection.messages.flatMap((m) => (m.type === "progress" ? [m.stage] : []));
    expect([...new Set(stages)]).toEqual(["probing", "planning", "transcoding"]);
  });

  test("has the whole machine while it is alone, and its share of the cores beside another", async () => {
    const edge = await startFakeEdge();
    const runs: RunStepOptions[] = [];
    const both = Promise.withResolvers<void>();
    const engine = goodEngine({
      run: (_step, options) => {
        runs.push(options);
        if (runs.length === 2) both.resolve();
        return new Promise((resolve) =>
          options.signal.addEventListener("abort", () => resolve({ status: "aborted", log: [] })),
        );
      },
    });
    await runAgent(edge, engine, { slots: 2 });
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    await connection.next("progress", ({ stage }) => stage === "transcoding");
    connection.say(leaseMessage(leaseRef(1)));
    await both.promise;
    expect(runs.map(({ threads }) => threads)).toEqual([undefined, 4]);
  });

  test("reports movement that only grows, and a fraction that never falls", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    await runAgent(edge, held.engine);
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    const { onProgress } = await held.started;
    onProgress({ ...progress, frame: 40, fps: 25, speed: 1 });
    const forty = await connection.next("progress", ({ frame }) => frame === 40);
    // A second report of fewer frames is ffmpeg's own slip.
    onProgress({ ...progress, frame: 30 });
    onProgress({ ...progress, frame: 60 });
    const sixty = await connection.next("progress", ({ frame }) => frame === 60);
    expect(forty.fraction).toBeCloseTo(0.38, 5);
    expect(sixty.fraction).toBeCloseTo(0.57, 5);
    expect(sixty.movement - forty.movement).toBe(20);
    const reports = connection.messages.flatMap((m) => (m.type === "progress" ? [m] : []));
    const movements = reports.map(({ movement }) => movement);
    expect(movements).toEqual(movements.toSorted((a, b) => a - b));
  });

  test("that is completed twice over is told until it is acknowledged", async () => {
    const edge = await startFakeEdge();
    await runAgent(edge, goodEngine());
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    const complete = await connection.next("complete");
    connection.socket.terminate();
    const again = await admit(edge, kept(first));
    expect(again.hello.leases).toMatchObject([{ lease: first }]);
    expect(await again.connection.next("complete")).toEqual(complete);
    again.connection.say(ackOf("complete", first));
    again.connection.socket.terminate();
    expect((await admit(edge)).hello.leases).toEqual([]);
  });

  test("goes on under the same epoch while the edge is away", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    await runAgent(edge, held.engine);
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    const { onProgress, signal } = await held.started;
    onProgress({ ...progress, frame: 50 });
    await connection.next("progress", ({ frame }) => frame === 50);
    await edge.stop();
    await edge.restart();
    const { connection: next, hello } = await admit(edge, kept(first));
    expect(hello.leases).toMatchObject([{ lease: first, stage: "transcoding", fraction: 0.475 }]);
    expect(signal.aborted).toBe(false);
    held.finish();
    expect((await next.next("complete")).lease).toEqual(first);
  });

  test("that was lost meanwhile is stopped at once, cleaned up, and never reported", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    const { attempts } = await runAgent(edge, held.engine);
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    await held.started;
    connection.socket.terminate();
    const { connection: next } = await admit(edge, lost(first));
    await held.aborted;
    await next.next("pull", ({ free }) => free === 1);
    expect(await attempts()).toEqual([]);
    expect(next.messages.map(({ type }) => type)).toEqual(["hello", "pull"]);
  });

  test("that is revoked is stopped, cleaned up, and frees its slot without another word", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    const { attempts } = await runAgent(edge, held.engine);
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    await connection.next("pull");
    await held.started;
    connection.say({ type: "revoke", lease: first, reason: "cancelled" });
    await held.aborted;
    await connection.next("pull", ({ free }) => free === 1);
    expect(await attempts()).toEqual([]);
    const said = connection.messages.map(({ type }) => type);
    expect(said).not.toContain("complete");
    expect(said).not.toContain("fail");
  });

  test("whose run limit is over is stopped; the edge declares the timeout", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    await runAgent(edge, held.engine);
    const { connection } = await admit(edge);
    await connection.next("pull");
    connection.say(leaseMessage(first, { runLimitMs: 1 }));
    await connection.next("pull", ({ free }) => free === 1);
    const said = connection.messages.map(({ type }) => type);
    expect(said).not.toContain("fail");
  });

  test("that finds no room on the disk is given back, and leaves nothing", async () => {
    const edge = await startFakeEdge();
    const { attempts } = await runAgent(edge, goodEngine(), { freeBytes: 1_000 });
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    expect(await connection.next("release")).toEqual({
      type: "release",
      lease: first,
      reason: "no_disk",
    });
    expect(await attempts()).toEqual([]);
  });
});

describe("ending", () => {
  test("a drained agent finishes what it holds, releases what comes late, and exits", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    const { agent } = await runAgent(edge, held.engine, { slots: 2 });
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    await held.started;
    agent.drain();
    expect(await connection.next("pull", ({ free }) => free === 0)).toBeDefined();
    connection.say(leaseMessage(leaseRef(1)));
    const late = await connection.next("release");
    expect(late).toEqual({ type: "release", lease: leaseRef(1), reason: "shutdown" });
    connection.say(ackOf("release", late.lease));
    held.finish();
    await settle(connection, "complete");
    expect(await agent.exited).toBe("drained");
  });

  test("an aborted agent kills what runs, gives the lease back, cleans up, and exits", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    const { agent, attempts } = await runAgent(edge, held.engine);
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    await held.started;
    agent.drain();
    agent.abort();
    await held.aborted;
    await settle(connection, "release");
    expect(await agent.exited).toBe("aborted");
    expect(await attempts()).toEqual([]);
  });

  test("an agent whose token is revoked kills what runs and exits", async () => {
    const edge = await startFakeEdge();
    const held = heldEngine();
    const { agent } = await runAgent(edge, held.engine);
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    await held.started;
    connection.socket.close(4401, "revoked");
    await held.aborted;
    expect(await agent.exited).toBe("unauthorized");
  });

  test("no line of the log shows the token or a grant", async () => {
    const edge = await startFakeEdge();
    const { lines } = await runAgent(edge, goodEngine());
    const { connection } = await admit(edge);
    connection.say(leaseMessage(first));
    await settle(connection, "complete");
    connection.socket.terminate();
    await admit(edge);
    expect(lines.join("\n")).toContain("connected");
    expect(lines.join("\n")).not.toMatch(/test-token|grant-1/);
  });
});
