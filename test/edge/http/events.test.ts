import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { join, settleOutbox, usePool } from "../pool/harness.ts";
import { StreamReader } from "./event-reader.ts";
import { FakePool } from "./fake-pool.ts";
import { complete, idsOf, submit, upTo } from "./followed-job.ts";
import { call, makeKey, refusal } from "./harness.ts";

usePool();

describe("the events of a job", () => {
  test("come once each and in order, from the submission to the terminal one, which ends the stream", async () => {
    const job = await submit();
    const answer = await job.follow();
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(answer.headers.get("cache-control")).toContain("no-transform");
    const reader = new StreamReader(answer);
    expect(await reader.numbered()).toMatchObject({
      id: 1,
      event: "state",
      data: { state: "queued" },
    });
    await complete(job);
    const events = (await reader.rest()).filter((event) => event.event !== "progress");
    expect(idsOf(events)).toEqual(upTo(events.length + 1).slice(1));
    expect(events.map(({ event, data }) => [event, data.state])).toEqual([
      ["attempt", "queued"],
      ["state", "probing"],
      ["state", "transcoding"],
      ["attempt", "transcoding"],
      ["state", "completed"],
    ]);
    for (const event of events) expect(event.data.sequence).toBe(event.id);
  });

  test("end with the outputs, under signed URLs of the origin that was asked", async () => {
    const job = await submit();
    const reader = new StreamReader(await job.follow());
    await complete(job);
    const last = (await reader.rest()).at(-1);
    expect(last).toMatchObject({
      event: "state",
      data: {
        state: "completed",
        status: "completed",
        progress: 100,
        outputs: [{ name: "result.mp4", format: "mp4" }],
        attempts: [{ state: "completed", epoch: 1, workerName: "gpu-1" }],
      },
    });
    const url = last?.event === "state" ? last.data.outputs[0]?.url : undefined;
    expect(url).toMatch(/^https:\/\/telecine\.test\/v1\/signed\//);
    const bytes = await call(new URL(url ?? "").pathname, { key: null });
    expect(new TextDecoder().decode(await bytes.arrayBuffer())).toBe("an mp4 file");
  });

  test("say which attempt ended, and why, before its job goes on", async () => {
    const job = await submit();
    const reader = new StreamReader(await job.follow());
    const agent = await join(job.pool);
    let message = await agent.next();
    while (message.type !== "lease") message = await agent.next();
    agent.say({
      type: "fail",
      lease: message.lease,
      stage: "transcoding",
      code: "ENGINE_INVOCATION_ERROR",
      detail: "ffmpeg was killed by SIGKILL",
      retryable: true,
      engine: { device: "cpu", encoder: "libx264", exitCode: null, log: ["secret line"] },
    });
    const failed = (await reader.upTo(3)).at(-1);
    expect(failed?.data).toMatchObject({
      state: "queued",
      error: null,
      attempts: [{ state: "failed", error: { code: "ENGINE_INVOCATION_ERROR" } }],
    });
    expect(JSON.stringify(failed)).not.toContain("secret line");
    await reader.stop();
  });

  test("are replayed whole for a job that has ended, which closes", async () => {
    const job = await submit();
    await job.cancel();
    const events = await new StreamReader(await job.follow()).rest();
    expect(events).toMatchObject([
      { id: 1, event: "state", data: { state: "queued" } },
      { id: 2, event: "state", data: { state: "cancelled" } },
    ]);
  });

  test("go on past the failure that a retry took back", async () => {
    const job = await submit();
    const agent = await join(job.pool);
    const { lease } = await agent.expect("lease");
    agent.say({
      type: "fail",
      lease,
      stage: "probing",
      code: "TRANSCODE_ERROR",
      detail: "no",
      retryable: false,
      engine: { device: null, encoder: null, exitCode: 1, log: [] },
    });
    await agent.expect("ack");
    const live = await runInDurableObject(job.pool, (_pool, state) => {
      // A failure that may be retried, as far as the retry is concerned.
      const row = state.storage.sql
        .exec<{ record: string }>("SELECT record FROM jobs WHERE id = ?", job.jobId)
        .one();
      const record = JSON.parse(row.record);
      record.error.retryable = true;
      state.storage.sql.exec("UPDATE jobs SET record = ?", JSON.stringify(record));
      return record.state as string;
    });
    expect(live).toBe("failed");
    await evictDurableObject(job.pool);
    const retried = await call(`/v1/jobs/${job.jobId}/retry`, { key: job.key, json: {} });
    expect(retried.status).toBe(200);
    const reader = new StreamReader(await job.follow());
    const events = await reader.upTo(4);
    expect(events.map(({ data }) => [data.run, data.state])).toEqual([
      [1, "queued"],
      [1, "queued"],
      [1, "failed"],
      [2, "queued"],
    ]);
    await job.cancel();
    expect(await reader.rest()).toMatchObject([{ id: 5, data: { state: "cancelled", run: 2 } }]);
  });

  test("that the pool has forgotten are made up for by how the job ended", async () => {
    const job = await submit();
    await job.cancel();
    await settleOutbox(job.pool);
    await runInDurableObject(job.pool, (_pool, state) => {
      for (const table of ["jobs", "tasks", "attempts", "history"]) {
        state.storage.sql.exec(`DELETE FROM ${table}`);
      }
    });
    await evictDurableObject(job.pool);
    const events = await new StreamReader(await job.follow()).rest();
    expect(events).toMatchObject([{ id: 2, event: "state", data: { state: "cancelled" } }]);
    expect((await job.follow({ after: 2 })).status).toBe(204);
  });

  test("begin with the job's creation where its submission never arrived", async () => {
    const job = await submit(new FakePool().env);
    const reader = new StreamReader(await job.follow());
    expect(await reader.numbered()).toMatchObject({ id: 1, data: { state: "queued" } });
    await reader.stop();
  });
});

describe("Last-Event-ID", () => {
  test("resumes without gap or repeat, wherever the stream was cut", async () => {
    const job = await submit();
    const whole = new StreamReader(await job.follow());
    await complete(job);
    const all = (await whole.rest()).filter((event) => event.event !== "progress");
    const last = all.length;
    for (let seen = 0; seen < last; seen++) {
      const events = await new StreamReader(await job.follow({ after: seen })).rest();
      expect(events).toMatchObject(all.slice(seen).map(({ id, event }) => ({ id, event })));
    }
  });

  test("resumes a stream that was cut while the job went on", async () => {
    const job = await submit();
    const first = new StreamReader(await job.follow());
    await first.upTo(1);
    const agent = await join(job.pool);
    await first.upTo(2);
    await first.stop();
    await agent.settled();
    await evictDurableObject(job.pool);
    await job.cancel();
    const events = await new StreamReader(await job.follow({ after: 2 })).rest();
    expect(events).toMatchObject([{ id: 3, data: { state: "cancelled" } }]);
  });

  test("comes in the query, too, where a client cannot set headers; the header is the newer word", async () => {
    const job = await submit();
    await job.cancel();
    const byQuery = await new StreamReader(await job.follow({ query: "?lastEventId=1" })).rest();
    expect(byQuery).toMatchObject([{ id: 2 }]);
    const byHeader = await job.follow({ query: "?lastEventId=0", after: 1 });
    expect(await new StreamReader(byHeader).rest()).toMatchObject([{ id: 2 }]);
  });

  test("of the terminal event is answered 204, so that an EventSource stops", async () => {
    const job = await submit();
    await job.cancel();
    expect((await job.follow({ after: 2 })).status).toBe(204);
  });

  test("that was never given out misses nothing that comes", async () => {
    const job = await submit();
    const reader = new StreamReader(await job.follow({ after: 999 }));
    await job.cancel();
    expect(await reader.rest()).toMatchObject([{ id: 2, data: { state: "cancelled" } }]);
  });

  test.for(["-1", "abc", "1.5", "9".repeat(20)])("%s is refused by name", async (after) => {
    const job = await submit();
    expect(await refusal(job.follow({ after }))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
      detail: expect.stringContaining("last-event-id must be the id of an event"),
    });
    expect(await refusal(job.follow({ query: `?lastEventId=${after}` }))).toMatchObject({
      code: "VALIDATION_ERROR",
      detail: expect.stringContaining("lastEventId must be the id of an event"),
    });
  });
});

describe("who may follow", () => {
  test("another account's job is 404, as a missing one is", async () => {
    const job = await submit();
    const other = await makeKey(["read"], "somebody-else");
    const theirs = await refusal(call(`/v1/jobs/${job.jobId}/events`, { key: other }));
    expect(theirs).toMatchObject({ status: 404, code: "JOB_NOT_FOUND" });
    const upgrade = { upgrade: "websocket" };
    const overSocket = call(`/v1/jobs/${job.jobId}/events`, { key: other, headers: upgrade });
    expect(await refusal(overSocket)).toMatchObject({ status: 404, code: "JOB_NOT_FOUND" });
  });

  test("a key without the scope 'read' is refused", async () => {
    const key = await makeKey(["write"]);
    const answer = call("/v1/jobs/job_01J00000000000000000000000/events", { key });
    expect(await refusal(answer)).toMatchObject({ status: 403, code: "FORBIDDEN" });
  });

  test("a HEAD is answered at once, and leaves nobody looking", async () => {
    const job = await submit();
    const answer = await job.follow({ method: "HEAD" });
    expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(await answer.text()).toBe("");
    const looking = await runInDurableObject(
      job.pool,
      (_pool, state) => state.getWebSockets(job.jobId).length,
    );
    expect(looking).toBe(0);
  });
});
