/** What becomes of a running job when its agent is drained, or a second one comes with the same token. */
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Attempt, Job } from "../../protocol/http/jobs.ts";
import type { Worker } from "../../protocol/http/workers.ts";
import { isTerminalState } from "../../protocol/stages.ts";
import { connectAgent, type Lease } from "../faults/support/protocol-agent.ts";
import { startWorld, type World } from "./telecine.ts";

const MAIN = new URL("../../worker-node/main.ts", import.meta.url).pathname;
const JOB_LIMIT_MS = 120_000;

let world: World;
let videoId: string;
beforeAll(async () => {
  world = await startWorld({ workers: 0 });
  const source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=20"];
  const encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
  videoId = await world.upload(await world.makeClip("clip.mp4", [...source, ...encoder]));
}, 120_000);
afterAll(() => world.stop());

const runs = (job: Job) => job.state === "transcoding" && job.progress > 0;
const ended = (job: Job) => isTerminalState(job.state);

/** Slow enough that it is met while it encodes. */
const slowJob = (name: string) =>
  world.host.client.createJob({
    videoId,
    output: { name: `${name}.mp4` },
    recipe: { name: "transcode", preset: "slow" },
  });

const attemptsOf = async (jobId: string) =>
  (await world.host.client.call<{ attempts: Attempt[] }>("GET", `/v1/jobs/${jobId}/attempts`))
    .attempts;

async function workerOf(workerId: string): Promise<Worker | undefined> {
  const { workers } = await world.host.client.call<{ workers: Worker[] }>("GET", "/v1/workers");
  return workers.find((worker) => worker.workerId === workerId);
}

/** An agent as a process of its own, connected. */
async function launch(token: string, name: string) {
  const scratch = path.join(world.folder, name);
  await mkdir(scratch);
  const options = ["--url", world.host.url, "--name", name, "--slots", "1", "--scratch", scratch];
  const child = spawn(process.execPath, [MAIN, ...options], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TELECINE_WORKER_TOKEN: token },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await new Promise<void>((resolve, reject) => {
    const hear = (line: string) => {
      lines.push(line);
      if (/\bconnected\b/.test(line)) resolve();
    };
    createInterface({ input: child.stdout }).on("line", hear);
    createInterface({ input: child.stderr }).on("line", hear);
    void exit.then((code) =>
      reject(new Error(`the agent ended with ${code}: ${lines.join("\n")}`)),
    );
  });
  return { child, lines, exit };
}

/** What an agent that only speaks the protocol is given first. Its messages need no encoder and no time. */
async function leaseOf(token: string, name: string): Promise<Lease> {
  const agent = await connectAgent({ url: world.host.url, token, name });
  onTestFinished(() => agent.terminate());
  agent.send({ type: "pull", free: 1 });
  return agent.take("lease");
}

test(
  "an agent that is drained while it works finishes its job under the same attempt; the next job waits for another agent",
  async () => {
    const { client } = world.host;
    const first = await client.createWorkerToken({ name: "first", pool: "default" });
    const agent = await launch(first.token, "first");
    const { jobId } = await slowJob("drained");
    await world.until(jobId, runs);
    await client.call("POST", `/v1/workers/${first.workerId}/drain`);
    const waiting = await slowJob("waiting");
    expect((await world.until(jobId, ended)).state).toBe("completed");
    expect(await attemptsOf(jobId)).toMatchObject([
      { state: "completed", workerId: first.workerId },
    ]);
    expect(await workerOf(first.workerId)).toMatchObject({ state: "draining", busy: 0 });
    expect(await client.job(waiting.jobId)).toMatchObject({ state: "queued", attempt: 0 });

    const second = await client.createWorkerToken({ name: "second", pool: "default" });
    const lease = await leaseOf(second.token, "second");
    expect(lease.task.jobId).toBe(waiting.jobId);
    await client.call("POST", `/v1/jobs/${waiting.jobId}/cancel`);
    agent.child.kill("SIGTERM");
    expect(await agent.exit).toBe(0);
  },
  JOB_LIMIT_MS,
);

test(
  "of two agents with one token the newer works: the older one ends and says why, and loses its lease",
  async () => {
    const { client } = world.host;
    const { token, workerId } = await client.createWorkerToken({ name: "twin", pool: "default" });
    const older = await launch(token, "older");
    const { jobId } = await slowJob("twins");
    await world.until(jobId, runs);
    const [before] = await attemptsOf(jobId);
    const { lease } = await leaseOf(token, "newer");
    expect(lease.taskId).toBe(before?.taskId);
    expect(lease.epoch).toBeGreaterThan(before?.epoch ?? 0);
    expect(await older.exit).toBe(5);
    expect(older.lines.join("\n")).toContain(
      "another agent connected with the same token: give each agent its own",
    );
    expect(await attemptsOf(jobId)).toMatchObject([
      { state: "failed", error: { code: "ENGINE_INVOCATION_ERROR" } },
      { workerId, endedAt: null },
    ]);
    await client.call("POST", `/v1/jobs/${jobId}/cancel`);
  },
  JOB_LIMIT_MS,
);
