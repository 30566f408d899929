import { describe, expect, test } from "vitest";
import { ApiFailure } from "../../cli/client.ts";
import { InterruptedError } from "../../cli/exit.ts";
import { watchJob } from "../../cli/watch-job.ts";
import type { Job } from "../../protocol/http/jobs.ts";
import { type JobState, statusOf } from "../../protocol/stages.ts";

const jobId = "job_01J00000000000000000000000";

function jobIn(state: JobState, progress = 0): Job {
  return {
    jobId,
    videoId: null,
    mode: "recipe",
    recipe: {},
    presetId: null,
    ffmpeg: null,
    inputs: {},
    state,
    status: statusOf(state),
    stage: state === "transcoding" ? state : null,
    progress,
    stages: [],
    run: 1,
    attempt: 1,
    maxAttempts: 3,
    timeoutSeconds: 3600,
    queueTimeoutSeconds: 86_400,
    priority: 0,
    pool: "default",
    fps: null,
    speed: null,
    error: null,
    playable: false,
    playableUrl: null,
    outputs: [],
    webhookUrl: null,
    traceId: null,
    metadata: null,
    createdAt: "2026-11-22T17:01:02.345Z",
    startedAt: null,
    completedAt: null,
  };
}

function block(state: JobState, id: number, run = 1): string {
  const data = { ...jobIn(state), run, sequence: id, at: "2026-11-22T17:01:02.345Z", attempts: [] };
  return `id: ${id}\nevent: state\ndata: ${JSON.stringify(data)}\n\n`;
}

function progressBlock(progress: number): string {
  const data = { ...jobIn("transcoding", progress), stageProgress: progress, fps: 50 };
  return `event: progress\ndata: ${JSON.stringify(data)}\n\n`;
}

/** An edge that streams this, then breaks off if told to, and answers these jobs one after another. */
function edge(options: {
  readonly stream: string | Error;
  readonly breaksOff?: boolean;
  readonly jobs: readonly Job[];
}) {
  const asked: string[] = [];
  const jobs = [...options.jobs];
  const { stream } = options;
  return {
    asked,
    job: async () => {
      asked.push("job");
      const job = jobs.length > 1 ? jobs.shift() : jobs[0];
      if (job === undefined) throw new Error("no job");
      return job;
    },
    send: async (method: string, route: string) => {
      asked.push(`${method} ${route}`);
      if (stream instanceof Error) throw stream;
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(stream)),
        pull: (controller) =>
          options.breaksOff ? controller.error(new Error("reset")) : controller.close(),
      });
      return new Response(body);
    },
  };
}

async function statesSeen(client: ReturnType<typeof edge>) {
  const seen: string[] = [];
  const last = await watchJob(client, jobId, (job) => seen.push(`${job.state} ${job.progress}`));
  return { seen, last };
}

describe("following a job", () => {
  test("shows every event, and ends with the job as the edge has it, asked once", async () => {
    const client = edge({
      stream: [
        block("queued", 1),
        block("transcoding", 2),
        progressBlock(41.5),
        block("completed", 3),
      ].join(""),
      jobs: [jobIn("queued"), jobIn("completed", 100)],
    });
    const { seen, last } = await statesSeen(client);
    expect(seen).toEqual(["queued 0", "transcoding 0", "transcoding 41.5", "completed 100"]);
    expect(last).toEqual(jobIn("completed", 100));
    expect(client.asked).toEqual(["job", `GET /v1/jobs/${jobId}/events`, "job"]);
  });

  test("that was retried shows the run that is asked after, and not how those before it failed", async () => {
    const client = edge({
      stream: [
        ...[block("queued", 1), block("transcoding", 2), block("failed", 3)],
        ...[block("queued", 4, 2), block("probing", 5, 2), block("completed", 6, 2)],
      ].join(""),
      jobs: [
        { ...jobIn("queued"), run: 2 },
        { ...jobIn("completed", 100), run: 2 },
      ],
    });
    expect((await statesSeen(client)).seen).toEqual(["queued 0", "probing 0", "completed 100"]);
  });

  test("goes on by asking when the stream breaks off", async () => {
    const client = edge({
      stream: block("queued", 1),
      breaksOff: true,
      jobs: [jobIn("queued"), jobIn("transcoding", 50), jobIn("completed", 100)],
    });
    const { seen, last } = await statesSeen(client);
    expect(seen).toEqual(["queued 0", "transcoding 50", "completed 100"]);
    expect(last.state).toBe("completed");
  });

  test("goes on by asking when no stream can be had, but not where it is refused", async () => {
    const jobs = [jobIn("queued"), jobIn("failed")];
    const gone = edge({ stream: new TypeError("fetch failed"), jobs });
    expect((await statesSeen(gone)).last.state).toBe("failed");
    const down = edge({ stream: new ApiFailure(503, null, ""), jobs });
    expect((await statesSeen(down)).last.state).toBe("failed");
    const refused = edge({ stream: new ApiFailure(403, null, ""), jobs });
    await expect(statesSeen(refused)).rejects.toThrow(ApiFailure);
  });

  test("is stopped by its signal, and says that the job goes on", async () => {
    const stop = new AbortController();
    const client = edge({ stream: new TypeError("fetch failed"), jobs: [jobIn("transcoding")] });
    const watched = watchJob(client, jobId, () => stop.abort(), stop.signal);
    await expect(watched).rejects.toThrow(InterruptedError);
    await expect(watched).rejects.toThrow(`telecine cancel ${jobId}`);
    expect(client.asked.filter((asked) => asked === "job")).toHaveLength(2);
  });
});
