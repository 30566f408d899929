import { beforeEach, describe, expect, test } from "vitest";
import type { Job } from "../../../protocol/http/jobs.ts";
import { FakePool } from "./fake-pool.ts";
import { type CallOptions, makeVideo, refusal, testEnv } from "./harness.ts";
import { asking, failed, submitJob } from "./job-states.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const ask = asking(() => pool);
const submit = (key?: string, accountId?: string) => submitJob(ask, key, accountId);

describe("cancel", () => {
  test("ends a job once; a second one names the state it found", async () => {
    const jobId = await submit();
    const first = await ask(`/${jobId}/cancel`, { method: "POST" });
    expect(first.status).toBe(200);
    expect(await first.json()).toEqual({ cancelled: true, jobId });
    expect(await refusal(ask(`/${jobId}/cancel`, { method: "POST" }))).toMatchObject({
      status: 409,
      code: "JOB_NOT_CANCELLABLE",
      retryable: false,
      detail: `The state of job '${jobId}' is 'cancelled' already.`,
    });
  });

  test("takes a body that is empty in any way, and refuses unknown fields", async () => {
    for (const options of [
      { method: "POST", headers: { "content-type": "application/json" } },
      { json: {} },
    ] satisfies CallOptions[]) {
      expect((await ask(`/${await submit()}/cancel`, options)).status).toBe(200);
    }
    const error = await refusal(ask(`/${await submit()}/cancel`, { json: { why: "x" } }));
    expect(error).toMatchObject({ status: 400, detail: "The body has unknown field 'why'" });
  });
});

describe("retry", () => {
  test("queues a failed job again under its id, with its claims", async () => {
    const jobId = await submit();
    pool.become(jobId, failed(true));
    const answer = await ask(`/${jobId}/retry`, { json: { timeoutSeconds: 100 } });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ retried: true, jobId });
    expect(await (await ask(`/${jobId}`)).json()).toMatchObject({ state: "queued", run: 2 });
    const claim = await testEnv.DB.prepare("select count(*) as n from active_work where job_id = ?")
      .bind(jobId)
      .first();
    expect(claim).toEqual({ n: 1 });
  });

  test("of a job that is not failed, or would fail again, is JOB_NOT_RETRYABLE with the reason", async () => {
    const running = await submit();
    const hopeless = await submit();
    pool.become(hopeless, failed(false));
    expect(await refusal(ask(`/${running}/retry`, { method: "POST" }))).toMatchObject({
      status: 409,
      code: "JOB_NOT_RETRYABLE",
      detail: `Job '${running}' cannot be retried: it is queued, not failed.`,
    });
    expect(await refusal(ask(`/${hopeless}/retry`, { method: "POST" }))).toMatchObject({
      status: 409,
      code: "JOB_NOT_RETRYABLE",
      detail: `Job '${hopeless}' cannot be retried: its failure would only recur.`,
    });
  });

  test("with more time than the ceiling is refused", async () => {
    const jobId = await submit();
    expect(await refusal(ask(`/${jobId}/retry`, { json: { timeoutSeconds: 3601 } }))).toMatchObject(
      {
        code: "VALIDATION_ERROR",
        detail: "timeoutSeconds must be at most 3600",
      },
    );
  });

  test("is refused while another job does the same work by now", async () => {
    const videoId = await makeVideo();
    const json = { videoId, recipe: { name: "webReady" } };
    const first = await (await ask("", { json })).json<Job>();
    pool.become(first.jobId, failed(true));
    const second = await (await ask("", { json })).json<Job>();
    const error = await refusal(ask(`/${first.jobId}/retry`, { method: "POST" }));
    expect(error).toMatchObject({ status: 409, code: "JOB_ALREADY_PROCESSING" });
    expect(error.detail).toContain(second.jobId);
    expect(pool.calls).not.toContain("retry");
  });

  test("of a job whose video is gone says so, and claims nothing", async () => {
    const videoId = await makeVideo();
    const json = { videoId, recipe: { name: "webReady" } };
    const { jobId } = await (await ask("", { json })).json<Job>();
    const { projectSnapshot } = await import("../../../edge/catalogue/jobs.ts");
    await projectSnapshot(testEnv.DB, [pool.become(jobId, failed(true))]);
    await testEnv.DB.prepare("delete from videos where id = ?").bind(videoId).run();
    expect(await refusal(ask(`/${jobId}/retry`, { method: "POST" }))).toMatchObject({
      status: 404,
      code: "VIDEO_NOT_FOUND",
    });
    expect(pool.calls).not.toContain("retry");
  });
});
