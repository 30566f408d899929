/** Sources of ladders, of a size of which the recipe makes three rungs: 480, 360 and 240. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

const QUIET = ["-nostdin", "-v", "error", "-y"];

/** H.264 in 480p at 30 frames a second, a test picture with grain, and sound: 2.5 Mb/s. */
export async function makeLadderClip(ffmpeg: string, file: string, seconds: number): Promise<void> {
  const pictures = `testsrc2=size=854x480:rate=30:duration=${seconds},noise=alls=8:allf=t`;
  await run(ffmpeg, [
    ...[...QUIET, "-f", "lavfi", "-i", pictures],
    ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:duration=${seconds}`],
    ...["-c:v", "libx264", "-preset", "veryfast", "-b:v", "2500k", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-b:a", "128k", "-shortest", "-movflags", "+faststart", file],
  ]);
}

/** People in a street, 79.5 s at 10 frames a second: of Debian's package opencv-doc. */
const FOOTAGE = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/**
 * Real footage in 480p, of the quality in which cameras hand it in, where this machine has some, else the clip above: how
 * much decoding there is to be spared depends on what is seen.
 *
 * @returns what it is, for people.
 */
export async function makeLadderSource(
  ffmpeg: string,
  file: string,
  seconds: number,
): Promise<string> {
  if (!existsSync(FOOTAGE)) {
    await makeLadderClip(ffmpeg, file, seconds);
    return `${seconds} s made by ffmpeg, 480p H.264; install opencv-doc for real footage`;
  }
  await run(ffmpeg, [
    ...[...QUIET, "-i", FOOTAGE],
    ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"],
    ...["-t", String(seconds), "-vf", "scale=640:480,setsar=1", "-pix_fmt", "yuv420p"],
    ...["-c:v", "libx264", "-preset", "veryfast", "-crf", "18"],
    ...["-c:a", "aac", "-b:a", "128k", "-shortest", "-movflags", "+faststart", file],
  ]);
  return `${seconds} s of real footage, 480p H.264 at CRF 18`;
}
