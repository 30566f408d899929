import { beforeEach, describe, expect, test } from "vitest";
import type { AttemptRecord } from "../../../edge/domain/model.ts";
import type { Attempt, Job } from "../../../protocol/http/jobs.ts";
import { FakePool } from "./fake-pool.ts";
import { refusal } from "./harness.ts";
import { asking, completed, failed, output, submitJob } from "./job-states.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const ask = asking(() => pool);
const submit = (key?: string, accountId?: string) => submitJob(ask, key, accountId);

describe("a job", () => {
  test("is read live from its pool, ahead of the record", async () => {
    const jobId = await submit();
    pool.become(jobId, {
      state: "transcoding",
      stage: "transcoding",
      progress: 41.5,
      attempt: 2,
      stages: [
        {
          name: "probing",
          state: "completed",
          progress: 100,
          startedAt: 1_700_000_000_000,
          completedAt: 1_700_000_001_000,
        },
      ],
      startedAt: 1_700_000_000_000,
    });
    const job = await (await ask(`/${jobId}`)).json<Job>();
    expect(job).toMatchObject({
      jobId,
      state: "transcoding",
      status: "processing",
      stage: "transcoding",
      progress: 41.5,
      attempt: 2,
      startedAt: "2023-11-14T22:13:20.000Z",
      completedAt: null,
      outputs: [],
    });
    expect(job.stages[0]).toMatchObject({ name: "probing", startedAt: "2023-11-14T22:13:20.000Z" });
  });

  test("shows its outputs with signed URLs once completed, and not before", async () => {
    const jobId = await submit();
    pool.become(jobId, { state: "merging", outputs: [output] });
    expect((await (await ask(`/${jobId}`)).json<Job>()).outputs).toEqual([]);
    expect(await (await ask(`/${jobId}/outputs`)).json()).toEqual({
      outputs: [],
      nextCursor: null,
    });
    pool.become(jobId, completed);
    const job = await (await ask(`/${jobId}`)).json<Job>();
    expect(job).toMatchObject({ status: "completed", progress: 100 });
    expect(job.outputs).toHaveLength(1);
    expect(job.outputs[0]).toMatchObject({
      name: "result.mp4",
      size: 12,
      sha256: "a".repeat(64),
      videoCodec: "h264",
      durationSeconds: 2.5,
    });
    expect(job.outputs[0]?.url).toMatch(
      /^https:\/\/telecine\.test\/v1\/signed\/[^/]+\/result\.mp4$/,
    );
    expect(JSON.stringify(job)).not.toContain(output.key);
  });

  test("failed carries its error with the stage", async () => {
    const jobId = await submit();
    pool.become(jobId, failed(true));
    expect(await (await ask(`/${jobId}`)).json()).toMatchObject({
      status: "failed",
      error: {
        code: "ENGINE_INVOCATION_ERROR",
        message: "The processing engine stopped unexpectedly.",
        detail: "ffmpeg was killed by SIGKILL",
        stage: "transcoding",
        retryable: true,
      },
    });
  });

  test("whose pool does not answer is an ENGINE_ERROR worth trying again", async () => {
    const jobId = await submit();
    pool.broken = new Error("gone");
    expect(await refusal(ask(`/${jobId}`))).toMatchObject({
      status: 500,
      code: "ENGINE_ERROR",
      retryable: true,
      detail: `The pool of job '${jobId}' did not answer.`,
    });
  });

  test("a passing failure of the pool is asked again, once", async () => {
    const jobId = await submit();
    pool.broken = Object.assign(new Error("object is restarting"), { retryable: true });
    expect((await ask(`/${jobId}`)).status).toBe(500);
    expect(pool.calls.filter((name) => name === "read")).toHaveLength(2);
  });
});

describe("results", () => {
  test("before completion are JOB_NOT_COMPLETE, and name the state", async () => {
    const jobId = await submit();
    pool.become(jobId, { state: "probing" });
    for (const path of ["result", "outputs/result.mp4"]) {
      const error = await refusal(ask(`/${jobId}/${path}`));
      expect(error).toMatchObject({ status: 409, code: "JOB_NOT_COMPLETE", retryable: true });
      expect(error.detail).toContain("probing");
    }
  });

  test("are the outputs once completed, and an unknown name among them is NOT_FOUND", async () => {
    const jobId = await submit();
    pool.become(jobId, completed);
    const result = await (await ask(`/${jobId}/result`)).json<{ outputs: unknown[] }>();
    expect(result).toMatchObject({ jobId, outputs: [{ name: "result.mp4" }] });
    expect(await refusal(ask(`/${jobId}/outputs/other.mp4`))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
    });
  });
});

describe("the ledger", () => {
  test("lists every attempt with ISO times and the last lines of the log", async () => {
    const jobId = await submit();
    const attempt: AttemptRecord = {
      taskId: "tsk_1",
      kind: "whole",
      run: 1,
      epoch: 1,
      workerId: "wkr_1",
      workerName: "gpu-1",
      device: "cpu",
      encoder: "libx264",
      state: "expired",
      stage: "transcoding",
      startedAt: 1_700_000_000_000,
      endedAt: 1_700_000_030_000,
      exitCode: null,
      error: null,
      log: ["frame= 10"],
    };
    pool.ledger = [attempt];
    const { attempts } = await (await ask(`/${jobId}/attempts`)).json<{ attempts: Attempt[] }>();
    expect(attempts).toEqual([
      {
        ...attempt,
        startedAt: "2023-11-14T22:13:20.000Z",
        endedAt: "2023-11-14T22:13:50.000Z",
      },
    ]);
  });
});
