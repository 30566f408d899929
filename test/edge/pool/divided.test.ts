/** A divided job over real sockets, rows and objects: what the pool makes of a plan and of its parts. */
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { findPlan, listParts } from "../../../edge/catalogue/job-parts.ts";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import { newId } from "../../../edge/ids.ts";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import { chunkFile } from "../../../protocol/chunks/chunk-step.ts";
import { taskIdOf } from "../../../protocol/ids.ts";
import { CHUNKS_FEATURE, type EncoderCapability } from "../../../protocol/media.ts";
import type { EdgeMessageOf } from "../../../protocol/messages.ts";
import type { LeaseRef, OutputReport } from "../../../protocol/task.ts";
import { indexOf, planOf, soundIndex } from "../../support/plans.ts";
import {
  type Agent,
  countRows,
  dial,
  engine,
  newPool,
  type PoolStub,
  pass,
  reportOf,
  ringAlarm,
  rowsWritten,
  rpc,
  SECOND,
  settleOutbox,
  submissionOf,
  time,
  usePool,
} from "./harness.ts";

usePool();

const x264: EncoderCapability = {
  encoder: "libx264",
  codec: "h264",
  device: "cpu",
  bitDepths: [8],
  maxSessions: null,
};

/** An agent that divides and takes parts. */
async function divider(pool: PoolStub, slots = 1, free = slots): Promise<Agent> {
  const agent = await dial(pool, newId("worker", time()));
  const capabilities = { ffmpegVersion: "7", encoders: [x264], features: [CHUNKS_FEATURE] };
  agent.hello({ slots, capabilities });
  await agent.expect("welcome");
  agent.say({ type: "pull", free });
  return agent;
}

const frames = [10, 20, 20];
const presentation = {
  segmentSeconds: 4,
  targetSeconds: 4,
  durationSeconds: 2,
  master: "result.mp4",
  manifest: "result.mpd",
  video: [{ name: "v720", peakRate: 1000 }],
  audio: [],
  subtitles: [],
};

function offer(agent: Agent, lease: LeaseRef, plan = planOf(frames)): void {
  agent.say({ type: "plan", lease, plan, engine });
}

/** Two agents: one holds the whole, the other is free. They ask for one lease each. */
async function planning(pool: PoolStub, submission: JobSubmission, slots = 1) {
  const planner = await divider(pool, slots, 1);
  await rpc(pool).submit(submission);
  const { lease } = await planner.expect("lease");
  const other = await divider(pool, slots, 1);
  return { planner, lease, other };
}

/** The same after the division; only the other asks for more. */
async function divide(pool: PoolStub, submission: JobSubmission, plan = planOf(frames), slots = 1) {
  const { planner, lease, other } = await planning(pool, submission, slots);
  offer(planner, lease, plan);
  expect(await planner.expect("ack")).toMatchObject({ of: "plan", status: "accepted" });
  return { planner, other };
}

/** Writes what a chunk, or a merge, delivers, and reports it. */
async function report(
  submission: JobSubmission,
  { lease, task }: Pick<EdgeMessageOf<"lease">, "lease" | "task">,
): Promise<OutputReport> {
  const { jobId } = submission;
  const chunk = task.part?.kind === "chunk" ? task.part.chunk : null;
  const filename = chunk === null ? "result.mp4" : chunkFile("v720", chunk.index);
  const bytes = Uint8Array.from(new TextEncoder().encode(`the bytes of ${filename}`));
  const key = `${attemptPrefix({ jobId, run: task.run, ...lease })}${filename}`;
  const object = await env.MEDIA.put(key, bytes, { httpMetadata: { contentType: "video/mp4" } });
  if (object === null) throw new Error("not stored");
  const made = { ...(await reportOf(object.etag, bytes)), filename };
  if (chunk === null) return made;
  return { ...made, role: "part", index: { ...indexOf(), samples: chunk.frames } };
}

/** Writes the first piece of sound beside a chunk's pictures, and reports it. */
async function sound(
  submission: JobSubmission,
  { lease, task }: Pick<EdgeMessageOf<"lease">, "lease" | "task">,
): Promise<OutputReport> {
  const filename = "a-eng.first.mp4";
  const bytes = Uint8Array.from(new TextEncoder().encode("the beginning of the sound"));
  const { jobId } = submission;
  const key = `${attemptPrefix({ jobId, run: task.run, ...lease })}${filename}`;
  const object = await env.MEDIA.put(key, bytes, { httpMetadata: { contentType: "video/mp4" } });
  if (object === null) throw new Error("not stored");
  return { ...(await reportOf(object.etag, bytes)), filename, role: "part", index: soundIndex };
}

async function finish(agent: Agent, submission: JobSubmission): Promise<EdgeMessageOf<"lease">> {
  const message = await agent.expect("lease");
  agent.complete(message.lease, [await report(submission, message)]);
  const ack = await agent.expect("ack");
  expect(ack.status).toBe("accepted");
  agent.say({ type: "pull", free: 1 });
  return message;
}

describe("a worker that can divide", () => {
  test("is told how many parts could run beside its own, and nobody else is", async () => {
    const pool = newPool();
    await divider(pool, 2);
    const alone = await dial(pool, newId("worker", time()));
    alone.hello({ slots: 1 });
    await alone.expect("welcome");
    alone.say({ type: "pull", free: 1 });
    const submissions = [submissionOf(), submissionOf(), submissionOf()];
    for (const submission of submissions) await rpc(pool).submit(submission);
    expect((await alone.expect("lease")).task.fleet).toBeUndefined();
  });

  test("is told which of the free slots are its own", async () => {
    const pool = newPool();
    const agent = await divider(pool, 2);
    await rpc(pool).submit(submissionOf());
    expect((await agent.expect("lease")).task.fleet).toEqual({ freeSlots: 1, ownSlots: 1 });
    // Of two that are as free, the one whose id is the older gets the task.
    pass(1);
    await divider(pool);
    await rpc(pool).submit(submissionOf());
    expect((await agent.expect("lease")).task.fleet).toEqual({ freeSlots: 1, ownSlots: 0 });
  });

  test("is refused a plan while nobody else is free, and goes on", async () => {
    const pool = newPool();
    const agent = await divider(pool);
    await rpc(pool).submit(submissionOf());
    const { lease, task } = await agent.expect("lease");
    expect(task.fleet).toEqual({ freeSlots: 0, ownSlots: 0 });
    offer(agent, lease);
    expect(await agent.expect("ack")).toMatchObject({ status: "refused", reason: "not_wanted" });
    agent.progress(lease);
    expect(await agent.settled()).toEqual([]);
  });

  test("is refused a plan with a hole in it", async () => {
    const pool = newPool();
    const { planner: agent, lease } = await planning(pool, submissionOf());
    const plan = planOf(frames);
    const chunks = plan.chunks.map((chunk) => (chunk.index === 1 ? { ...chunk, from: 11 } : chunk));
    offer(agent, lease, { ...plan, chunks });
    const ack = await agent.expect("ack");
    expect(ack).toMatchObject({ status: "refused" });
    expect(ack.reason).toContain("chunk 1");
  });
});

describe("a divided job", () => {
  test("is leased in the order of its chunks, merged from them, and leaves only the merge's bytes", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const { planner, other } = await divide(pool, submission);
    planner.say({ type: "pull", free: 1 });
    const done = [
      await finish(other, submission),
      await finish(planner, submission),
      await finish(other, submission),
    ];
    const parts = done.map(({ task }) => task.part);
    expect(parts.map((part) => part?.kind)).toEqual(["chunk", "chunk", "chunk"]);
    const merger = await Promise.race(
      [planner, other].map(async (agent) => {
        const message = await agent.expect("lease");
        return { agent, message };
      }),
    );
    const { lease, task } = merger.message;
    expect(task.part).toMatchObject({ kind: "merge", chunks: [{}, {}, {}] });
    const found = await rpc(pool).parts(lease);
    expect(
      found.status === "ok" && found.list.parts.map(({ filename }) => filename).sort(),
    ).toEqual(["v720.c0000.mp4", "v720.c0001.mp4", "v720.c0002.mp4"]);
    merger.agent.complete(lease, [await report(submission, merger.message)]);
    expect(await merger.agent.expect("ack")).toMatchObject({ status: "accepted" });
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "completed",
      outputs: [{ name: "result.mp4" }],
    });
    expect(await countRows(pool, "plans")).toBe(0);
    expect(await countRows(pool, "parts")).toBe(0);
    expect(await rpc(pool).parts(lease)).toEqual({ status: "stale_epoch" });
    pass(200 * SECOND);
    await ringAlarm(pool);
    const { objects } = await env.MEDIA.list({ prefix: `jobs/${submission.jobId}/` });
    expect(objects.map(({ key }) => key.split("/").at(-1))).toEqual(["result.mp4"]);
  });

  test("refuses a chunk that lacks frames", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const { other } = await divide(pool, submission);
    const message = await other.expect("lease");
    const made = await report(submission, message);
    const index = { ...indexOf(), samples: 9 };
    other.complete(message.lease, [{ ...made, index }]);
    const ack = await other.expect("ack");
    expect(ack).toMatchObject({ status: "refused" });
    expect(ack.reason).toContain("9 frames instead of 10");
  });

  test("does not hide a short job that came later", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const plan = planOf(Array.from({ length: 600 }, () => 10));
    const { planner, other } = await divide(pool, submission, plan);
    pass(SECOND);
    const short = submissionOf();
    await rpc(pool).submit(short);
    await other.expect("lease");
    planner.say({ type: "pull", free: 1 });
    expect((await planner.expect("lease")).task).toMatchObject({ jobId: short.jobId });
  });

  test("holds its chunks to the encoder of the first", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const { other } = await divide(pool, submission);
    await finish(other, submission);
    expect((await other.expect("lease")).task.part).toMatchObject({
      kind: "chunk",
      count: 3,
      pins: { v720: { encoder: "libx264" } },
    });
  });

  test("writes at most 26 rows for a chunk, however many there are", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const { other } = await divide(pool, submission, planOf(Array.from({ length: 500 }, () => 10)));
    await finish(other, submission);
    await settleOutbox(pool);
    const before = await rowsWritten(pool);
    for (let chunk = 0; chunk < 10; chunk++) await finish(other, submission);
    await settleOutbox(pool);
    expect(((await rowsWritten(pool)) - before) / 10).toBeLessThanOrEqual(26);
  });
});

/** The agent makes the first two chunks, and begins the last one. */
async function lastChunk(agent: Agent, submission: JobSubmission) {
  for (let chunk = 0; chunk < 2; chunk++) {
    const message = await agent.expect("lease");
    pass(2 * SECOND);
    agent.complete(message.lease, [await report(submission, message)]);
    expect((await agent.expect("ack")).status).toBe("accepted");
    agent.say({ type: "pull", free: 1 });
  }
  return agent.expect("lease");
}

describe("a slow chunk", () => {
  test("is leased to an idle agent by the alarm, though nobody says anything any more", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const { planner, other } = await divide(pool, submission);
    const slow = await lastChunk(other, submission);
    planner.say({ type: "pull", free: 1 });
    expect(await planner.settled()).toEqual([]);
    // Long before its lease expires.
    pass(12 * SECOND);
    await ringAlarm(pool);
    const copy = await planner.expect("lease");
    expect(copy.task.part).toMatchObject({ kind: "chunk", chunk: { index: 2 } });
    expect(copy.lease.taskId).not.toBe(slow.lease.taskId);
    planner.complete(copy.lease, [await report(submission, copy)]);
    expect((await planner.expect("ack")).status).toBe("accepted");
    expect(await other.expect("revoke")).toMatchObject({ reason: "superseded" });
    // What the slower one says now is of no attempt that counts, and none of its files is merged.
    other.complete(slow.lease, [await report(submission, slow)]);
    expect((await other.expect("ack")).status).toBe("refused");
    planner.say({ type: "pull", free: 1 });
    const merge = await planner.expect("lease");
    const found = await rpc(pool).parts(merge.lease);
    const ids = found.status === "ok" ? found.list.parts.map(({ taskId }) => taskId) : [];
    expect(ids).toHaveLength(3);
    expect(ids).toContain(copy.lease.taskId);
    expect(ids).not.toContain(slow.lease.taskId);
  });
});

describe("a slow chunk beside a wide task", () => {
  test("is leased again nowhere that the task waits for room", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const { planner, other } = await divide(pool, submission, planOf(frames), 3);
    const slow = await lastChunk(other, submission);
    // The planner holds a short job and has two slots left: one too few for the ladder.
    await rpc(pool).submit(submissionOf());
    planner.say({ type: "pull", free: 1 });
    const short = await planner.expect("lease");
    const work = { mode: "recipe", recipe: { name: "hls", maxHeight: 480 } } as const;
    const ladder = submissionOf({ work });
    await rpc(pool).submit(ladder);
    planner.say({ type: "pull", free: 2 });
    pass(12 * SECOND);
    for (const [agent, { lease }] of [
      [planner, short],
      [other, slow],
    ] as const) {
      agent.progress(lease, { fraction: 0.01, movement: 2 });
      expect(await agent.settled()).toEqual([]);
    }
    await rpc(pool).cancel(ladder);
    expect((await planner.expect("lease")).task.part).toMatchObject({ chunk: { index: 2 } });
  });
});

describe("a presentation", () => {
  test("is divided though nobody else is free, to be played while it is made", async () => {
    const pool = newPool();
    const outputs = { out_1: { filename: "result.mp4", format: "hls" } } as const;
    const agent = await divider(pool);
    await rpc(pool).submit(submissionOf({ outputs }));
    const { lease, task } = await agent.expect("lease");
    expect(task.fleet).toEqual({ freeSlots: 0, ownSlots: 0 });
    offer(agent, lease, planOf(frames, { presentation }));
    expect(await agent.expect("ack")).toMatchObject({ of: "plan", status: "accepted" });
  });

  test("is playable with a first chunk that brings the first of its sound, and with no other's", async () => {
    const pool = newPool();
    const outputs = { out_1: { filename: "result.mp4", format: "hls" } } as const;
    const submission = submissionOf({ outputs });
    const audible = {
      ...presentation,
      audio: [{ name: "a-eng", language: "eng", label: "English" }],
    };
    const planned = planOf(frames, { audio: true, presentation: audible });
    const { planner, other } = await divide(pool, submission, planned);
    const message = await other.expect("lease");
    const made = [await report(submission, message), await sound(submission, message)];
    other.complete(message.lease, made);
    expect(await other.expect("ack")).toMatchObject({ of: "complete", status: "accepted" });
    expect(await rpc(pool).read(submission)).toMatchObject({ playable: true });
    planner.say({ type: "pull", free: 1 });
    expect((await planner.expect("lease")).task.kind).toBe("audio");
    other.say({ type: "pull", free: 1 });
    const later = await other.expect("lease");
    const stray = [await report(submission, later), await sound(submission, later)];
    other.complete(later.lease, stray);
    const refused = await other.expect("ack");
    expect(refused).toMatchObject({ status: "refused" });
    expect(refused.reason).toContain("'a-eng.first.mp4' has a track of audio");
  });

  test("is in the record part by part, with the plan that its playlists follow", async () => {
    const pool = newPool();
    const outputs = { out_1: { filename: "result.mp4", format: "hls" } } as const;
    const submission = submissionOf({ outputs });
    const { other } = await divide(pool, submission, planOf(frames, { presentation }));
    await finish(other, submission);
    expect(await rpc(pool).read(submission)).toMatchObject({ playable: true });
    await rpc(pool).deliver();
    const { jobId } = submission;
    expect(await findPlan(env.DB, jobId, 1)).toMatchObject({ count: 3 });
    const files = await listParts(env.DB, { jobId, run: 1 }, ["v720"], false);
    expect(files).toMatchObject([{ name: "v720.c0000.mp4", chunk: 0, index: { track: "video" } }]);
    expect(files[0]?.key).toContain(taskIdOf(jobId, 1));
  });
});
