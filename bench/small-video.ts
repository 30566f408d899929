/** A video of a few kilobytes for benches in which nothing is encoded. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { TelecineClient } from "../cli/client.ts";
import { findMediaTools } from "../cli/media-tools.ts";

const run = promisify(execFile);

/** Makes and uploads it. @returns its video id. */
export async function uploadSmallVideo(client: TelecineClient, folder: string): Promise<string> {
  const { ffmpeg } = await findMediaTools();
  const file = path.join(folder, "small.mp4");
  await run(ffmpeg, [
    ...["-nostdin", "-v", "error", "-y"],
    ...["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1"],
    ...["-c:v", "mpeg4", file],
  ]);
  return (await client.uploadFile(file)).videoId;
}
