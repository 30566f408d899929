import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { Job } from "../../protocol/http/jobs.ts";
import { failureText } from "../failure.ts";
import { showJobOn, sizeText, stageLine } from "../job-display.ts";
import { LiveLines, progressText } from "../live-lines.ts";
import {
  findMediaTools,
  type MediaTools,
  makeClip,
  type Probed,
  probeFile,
} from "../media-tools.ts";
import type { Host } from "../runtime/host.ts";
import { onStopSignal } from "../runtime/signals.ts";
import { saveOutputs } from "../save-outputs.ts";
import { requireFile } from "../upload.ts";
import { watchJob } from "../watch-job.ts";
import { prepareFolder } from "./save.ts";

const OUTPUT_FOLDER = "telecine-demo";

/** `telecine demo [FILE]`: the whole service on fresh data, one real video through it, the result proved. */
export function addDemo(program: Command): void {
  program
    .command("demo")
    .description(
      "start everything on fresh data, transcode FILE (or a clip made here), show each step",
    )
    .argument("[file]", "a video; without one a clip is made")
    .addHelpText(
      "after",
      `
The outputs are saved under ${OUTPUT_FOLDER}/. TELECINE_DEBUG=1 prints the logs of the edge and the worker where it fails.

Examples:
  telecine demo
  telecine demo talk.mov`,
    )
    .action(async (file: string | undefined) => {
      await demo(file ? path.resolve(file) : null).catch(failed);
    });
}

/** The demo asks one question, whether it works here: its exit code is 0 or 1, whoever is to blame. */
function failed(error: unknown): never {
  throw new Error(failureText(error), { cause: error });
}

async function demo(given: string | null): Promise<void> {
  // What would otherwise come to light after everything was started.
  if (given !== null) await requireFile(given);
  await prepareFolder(OUTPUT_FOLDER, "The demo saves there: run it in another folder.");
  const folder = await mkdtemp(path.join(tmpdir(), "telecine-demo-"));
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const edgeLog: string[] = [];
  let host: Host | null = null;
  const tidy = async () => {
    await host?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  onStopSignal(() => void tidy().finally(() => process.exit(130)));
  try {
    const tools = await findMediaTools();
    say(`Using      ffmpeg ${tools.version}`);
    const source = given ?? path.join(folder, "clip.mov");
    if (!given) await makeClip(tools, source);
    const before = await probeFile(tools, source).catch(() => null);
    say(`Source     ${path.basename(source)}${before ? `: ${describe(before)}` : ""}`);
    // The runtime is large: other commands do without it.
    const { startHost } = await import("../runtime/host.ts");
    host = await startHost({
      host: "127.0.0.1",
      port: 0,
      data: folder,
      workers: 1,
      environment: process.env,
      onEdgeLog: (line) => edgeLog.push(line),
      onWorkerLine: (_worker, line) => edgeLog.push(line),
    });
    say(`Edge       ${host.url}, with one worker connected`);
    const job = await runJob(host, source);
    const saved = await saveOutputs(host.client, job, OUTPUT_FOLDER);
    say("");
    for (const [index, file] of saved.entries()) {
      await proveOutput(tools, job.outputs[index], file, say);
    }
    say(`\nDone. The outputs are in ${path.resolve(OUTPUT_FOLDER)}`);
  } catch (error) {
    if (process.env.TELECINE_DEBUG) process.stderr.write(`${edgeLog.join("\n")}\n`);
    throw error;
  } finally {
    await tidy();
  }
}

/** Uploads, submits and follows; anything but `completed` is an error that says why. */
async function runJob(host: Host, source: string): Promise<Job> {
  const lines = new LiveLines(process.stdout);
  const video = await host.client.uploadFile(source, {
    onProgress: ({ part, parts, sentBytes, totalBytes }) =>
      lines.show(
        "upload",
        progressText(
          "uploading",
          sentBytes / totalBytes,
          [`part ${part} of ${parts}, ${sizeText(sentBytes)}`],
          lines.look,
        ),
        true,
      ),
  });
  lines.end();
  const queued = await host.client.createJob({
    videoId: video.videoId,
    recipe: { name: "webReady" },
  });
  process.stdout.write(`\n${queued.jobId}: webReady of ${video.videoId}\n`);
  const job = await watchJob(host.client, queued.jobId, showJobOn(lines));
  lines.end();
  const attempts = await host.client.attempts(job.jobId);
  process.stdout.write("\n");
  for (const stage of job.stages) process.stdout.write(`${stageLine(stage, attempts)}\n`);
  if (job.state !== "completed") {
    throw new Error(
      job.error
        ? `The job ${job.state} while ${job.error.stage ?? "queued"}: ${job.error.code}: ${job.error.detail}`
        : `The job ended as ${job.state}.`,
    );
  }
  return job;
}

/** Compares what was served with what the job says of it, and says what it is. */
async function proveOutput(
  tools: MediaTools,
  output: Job["outputs"][number] | undefined,
  file: string,
  say: (text: string) => void,
): Promise<void> {
  if (!output) throw new Error(`No output of the job belongs to ${file}.`);
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  const sha256 = hash.digest("hex");
  if (sha256 !== output.sha256) {
    throw new Error(`${file}: SHA-256 ${sha256} is not the job's ${output.sha256}.`);
  }
  const probed = await probeFile(tools, file);
  say(`Output     ${file}: ${describe(probed)}, ${sizeText(output.size)}`);
  say(`           sha256 ${sha256}, as the job says`);
}

function describe({ streams, format }: Probed): string {
  const each = streams.map((stream) =>
    stream.codec_type === "video"
      ? `${stream.codec_name} ${stream.width}x${stream.height}, ${stream.nb_read_frames ?? "?"} frames`
      : stream.codec_name,
  );
  const seconds = Number(format.duration);
  return [...each, ...(Number.isFinite(seconds) ? [`${seconds.toFixed(2)} s`] : [])].join(", ");
}
