/** All of Telecine for a test: the embedded edge on a free port, fresh data, agents, and a webhook sink. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { findMediaTools, type MediaTools, type Probed, probeFile } from "../../cli/media-tools.ts";
import { type Host, startHost } from "../../cli/runtime/host.ts";
import type { Job, JobRequest } from "../../protocol/http/jobs.ts";
import { isTerminalState } from "../../protocol/stages.ts";

const run = promisify(execFile);

export interface World {
  readonly host: Host;
  readonly folder: string;
  readonly tools: MediaTools;
  /** What the edge and its agents logged. */
  readonly log: string[];
  /** Makes a clip with lavfi; `args` are what stands between ffmpeg's own options and the file. */
  makeClip(name: string, args: readonly string[]): Promise<string>;
  upload(file: string): Promise<string>;
  /** Submits a job and waits until it has ended. */
  finish(request: JobRequest): Promise<Job>;
  /** Asks for the job until it satisfies. */
  until(jobId: string, satisfied: (job: Job) => boolean): Promise<Job>;
  download(job: Job, name?: string): Promise<string>;
  probe(file: string): Promise<Probed>;
  stop(): Promise<void>;
}

export async function startWorld(
  options: { readonly workers?: number; readonly environment?: Record<string, string> } = {},
): Promise<World> {
  const folder = await mkdtemp(path.join(tmpdir(), "telecine-e2e-"));
  const log: string[] = [];
  const [tools, host] = await Promise.all([
    findMediaTools(),
    startHost({
      host: "127.0.0.1",
      port: 0,
      // Relative, as the folder is that `telecine start` takes by default.
      data: path.relative("", path.join(folder, "data")),
      workers: options.workers ?? 1,
      environment: { ALLOW_INSECURE_WEBHOOKS: "true", ...options.environment },
      onEdgeLog: (line) => log.push(`edge ${line}`),
      onWorkerLine: (worker, line) => log.push(`${worker} ${line}`),
    }),
  ]);
  const { client } = host;
  const until: World["until"] = async (jobId, satisfied) => {
    for (;;) {
      const job = await client.job(jobId);
      if (satisfied(job)) return job;
      if (isTerminalState(job.state)) {
        throw new Error(
          `${jobId} ended as ${job.state}: ${JSON.stringify(job.error)}\n${log.join("\n")}`,
        );
      }
      await delay(50);
    }
  };
  return {
    host,
    folder,
    tools,
    log,
    makeClip: async (name, args) => {
      const file = path.join(folder, name);
      await run(tools.ffmpeg, ["-nostdin", "-v", "error", "-y", ...args, file]);
      return file;
    },
    upload: async (file) => (await client.uploadFile(file)).videoId,
    finish: async (request) => {
      const { jobId } = await client.createJob(request);
      return until(jobId, (job) => isTerminalState(job.state));
    },
    until,
    download: async (job, name = "result.mp4") => {
      const output = job.outputs.find((each) => each.name === name);
      if (!output) throw new Error(`${job.jobId} has no output ${name}: ${JSON.stringify(job)}`);
      // The signed URL, without a key: what a player would use.
      const answer = await fetch(output.url);
      if (!answer.ok) throw new Error(`HTTP ${answer.status} from ${output.name}`);
      const file = path.join(folder, `${job.jobId}-${name}`);
      await writeFile(file, new Uint8Array(await answer.arrayBuffer()));
      return file;
    },
    probe: (file) => probeFile(tools, file),
    stop: async () => {
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server that takes webhooks and answers 204, as many consumers do; `next` waits for one that satisfies. */
export async function startSink() {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
      response.writeHead(204).end();
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    next: (satisfies: (event: Received) => boolean): Promise<Received> =>
      new Promise((resolve) => {
        const look = () => {
          const found = received.find(satisfies);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
