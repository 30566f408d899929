/** Outputs of a job saved on disk. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Job, Output } from "../protocol/http/jobs.ts";
import type { TelecineClient } from "./client.ts";

/**
 * Saves each output that a completed job lists, under its own name; answers with the paths. A file stands under its
 * name once its bytes were compared with the job's checksum, and not before.
 */
export async function saveOutputs(
  client: TelecineClient,
  job: Job,
  folder: string,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const saved: string[] = [];
  for (const output of job.outputs) {
    const target = path.join(folder, path.basename(output.name));
    const partial = `${target}.${process.pid}.part`;
    try {
      await download(client, job.jobId, output, partial);
      await rename(partial, target);
    } finally {
      await rm(partial, { force: true });
    }
    saved.push(target);
  }
  return saved;
}

async function download(
  client: TelecineClient,
  jobId: string,
  output: Output,
  file: string,
): Promise<void> {
  const route = `/v1/jobs/${encodeURIComponent(jobId)}/outputs/${encodeURIComponent(output.name)}`;
  const answer = await client.send("GET", route);
  if (!answer.body) throw new Error(`The edge sent no bytes for ${output.name}.`);
  const hash = createHash("sha256");
  await pipeline(
    Readable.fromWeb(answer.body as import("node:stream/web").ReadableStream),
    new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    }),
    createWriteStream(file),
  );
  const sha256 = hash.digest("hex");
  if (sha256 !== output.sha256) {
    throw new Error(
      `${output.name} arrived with the SHA-256 ${sha256}, but the job says ${output.sha256}. Download it again.`,
    );
  }
}
