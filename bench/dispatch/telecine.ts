/** Our side: a job posted over HTTP, and an agent on the socket that has it when its lease arrives. */
import { createHash } from "node:crypto";
import type { JobRequest } from "../../protocol/http/jobs.ts";
import type { OutputReport } from "../../protocol/task.ts";
import { type BenchAgent, connectAgent, type Lease } from "../agent.ts";
import type { Scope } from "../scope.ts";
import type { Service } from "../service.ts";
import type { Dispatcher } from "./bullmq.ts";

const OUTPUT = new TextEncoder().encode("bench");

/** The agent completes each job: it writes an output under its grant and reports it, as a real one does. */
export async function startTelecine(
  scope: Scope,
  service: Service,
  videoId: string,
): Promise<Dispatcher> {
  const { token } = await service.client.createWorkerToken({ name: "bench", pool: "default" });
  let begun = Promise.withResolvers<{ readonly at: number; readonly lease: Lease }>();
  let acknowledged = Promise.withResolvers<void>();
  const agent = await connectAgent(scope, {
    url: service.url,
    token,
    name: "bench",
    slots: 1,
    onMessage: (message) => {
      if (message.type === "lease") begun.resolve({ at: performance.now(), lease: message });
      if (message.type === "ack" && message.of === "complete") acknowledged.resolve();
    },
  });
  agent.send({ type: "pull", free: 1 });
  let jobs = 0;
  return {
    dispatch: async () => {
      begun = Promise.withResolvers();
      acknowledged = Promise.withResolvers();
      jobs += 1;
      const submittedAt = performance.now();
      await service.client.createJob(requestFor(videoId, jobs));
      const { at, lease } = await begun.promise;
      await complete(service, agent, lease);
      await acknowledged.promise;
      agent.send({ type: "pull", free: 1 });
      return at - submittedAt;
    },
  };
}

/** No two alike: the same work twice would be refused while the first is under way. */
function requestFor(videoId: string, number: number): JobRequest {
  return {
    videoId,
    recipe: { name: "transcode", height: 360 },
    output: { name: `result-${number}.mp4` },
  } as JobRequest;
}

async function complete(service: Service, agent: BenchAgent, message: Lease): Promise<void> {
  const { lease, task, grant } = message;
  const [entry] = Object.entries(task.outputs);
  if (entry === undefined) throw new Error("the task has no output");
  const [key, { filename, format }] = entry;
  const answer = await fetch(new URL(`${grant.base}/outputs/${filename}`, service.url), {
    method: "PUT",
    headers: { "content-type": "video/mp4" },
    body: OUTPUT,
  });
  const { etag } = (await answer.json()) as { readonly etag: string };
  const report: OutputReport = {
    key,
    filename,
    format,
    contentType: "video/mp4",
    sizeBytes: OUTPUT.length,
    sha256: createHash("sha256").update(OUTPUT).digest("hex"),
    stored: { kind: "single", etag },
    media: {
      format: "mp4",
      durationSeconds: 1,
      width: 160,
      height: 120,
      frameRate: 10,
      videoCodec: "h264",
      audioCodec: null,
      bitrateKbps: 1,
    },
  };
  const engine = { device: "cpu", encoder: "libx264", exitCode: 0, log: [] };
  agent.send({ type: "complete", lease, outputs: [report], engine });
}
