/** The sources of comparisons: a minute, or less, of H.264 in 720p at 30 frames a second, with sound, 5 Mb/s. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export const CLIP_SECONDS = 60;

export async function makeClip(
  ffmpeg: string,
  file: string,
  seconds: number = CLIP_SECONDS,
): Promise<void> {
  await run(ffmpeg, [
    ...["-nostdin", "-v", "error", "-y"],
    ...["-f", "lavfi", "-i", `testsrc2=size=1280x720:rate=30:duration=${seconds}`],
    ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:duration=${seconds}`],
    ...["-c:v", "libx264", "-preset", "veryfast", "-b:v", "5M"],
    ...["-c:a", "aac", "-b:a", "128k", "-shortest", file],
  ]);
}
