/** Bench (c): a file in parts through the edge, against the same bytes straight to the store. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { findMediaTools } from "../../cli/media-tools.ts";
import { takePairs } from "../interleave.ts";
import { type Report, ratioRow } from "../report.ts";
import { startRuntime } from "../runtime.ts";
import type { Scope } from "../scope.ts";
import { uploadStraight } from "./s3.ts";

const run = promisify(execFile);
const PAIRS = 7;
const FILE_MIB = 64;
const MIB = 1024 * 1024;
/** What the edge asks for, of a file of this size. */
const PART_BYTES = 8 * MIB;
const LIMIT_MS = 60_000;

export async function benchUpload(scope: Scope, quick: boolean): Promise<Report> {
  const runtime = await startRuntime(scope, { counts: false });
  const file = await makeFile(await scope.folder());
  const { size } = await stat(file);
  const megabytes = size / 1_000_000;
  const timed = async (work: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await work();
    return (megabytes * 1000) / (performance.now() - startedAt);
  };
  const upload = () => runtime.client.uploadFile(file);
  let objects = 0;
  const straight = () => uploadStraight(runtime.url, `bench/${++objects}`, file, PART_BYTES);
  const sides = { ours: () => timed(upload), rival: () => timed(straight) };
  await takePairs(1, sides);
  const startedAt = performance.now();
  const pairs = await takePairs(
    quick ? 2 : PAIRS,
    sides,
    () => performance.now() - startedAt > LIMIT_MS,
  );
  return {
    bench: "upload",
    rows: [
      ratioRow(
        { what: `upload of ${FILE_MIB} MiB in parts`, unit: "MB/s", against: "the store's S3 API" },
        pairs,
      ),
    ],
    counts: [],
  };
}

/** A video that is valid and large: a small one with a `free` box behind it (ISO/IEC 14496-12 section 8.1.2). */
async function makeFile(folder: string): Promise<string> {
  const file = path.join(folder, "large.mp4");
  const { ffmpeg } = await findMediaTools();
  await run(ffmpeg, [
    ...["-nostdin", "-v", "error", "-y"],
    ...["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1"],
    ...["-c:v", "mpeg4", "-movflags", "+faststart", file],
  ]);
  const rest = randomBytes(FILE_MIB * MIB - (await stat(file)).size);
  rest.writeUInt32BE(rest.length, 0);
  rest.write("free", 4, "latin1");
  await appendFile(file, rest);
  return file;
}
