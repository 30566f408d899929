/** The source of the ladder: two minutes of H.264 in 480p at 30 frames a second, with sound and grain, 2.5 Mb/s. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Of this size the recipe makes three rungs: 480, 360 and 240. */
const SIZE = "854x480";

export async function makeLadderClip(ffmpeg: string, file: string, seconds: number): Promise<void> {
  await run(ffmpeg, [
    ...["-nostdin", "-v", "error", "-y"],
    ...[
      "-f",
      "lavfi",
      "-i",
      `testsrc2=size=${SIZE}:rate=30:duration=${seconds},noise=alls=8:allf=t`,
    ],
    ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:duration=${seconds}`],
    ...["-c:v", "libx264", "-preset", "veryfast", "-b:v", "2500k", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-b:a", "128k", "-shortest", "-movflags", "+faststart", file],
  ]);
}
