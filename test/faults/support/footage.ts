/** A short clip, and an ffmpeg that takes its time over it without using up the machine. */
import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { MediaTools } from "../../../cli/media-tools.ts";

const run = promisify(execFile);
export const FRAMES_PER_SECOND = 25;

/** A small clip with sound, of whole seconds. */
export async function makeClip(
  tools: MediaTools,
  folder: string,
  seconds: number,
): Promise<string> {
  const file = path.join(folder, `clip-${seconds}.mp4`);
  const size = `testsrc2=size=320x180:rate=${FRAMES_PER_SECOND}:duration=${seconds}`;
  const tone = `sine=frequency=440:duration=${seconds}`;
  await run(tools.ffmpeg, [
    ...["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", size, "-f", "lavfi", "-i", tone],
    ...["-c:v", "mpeg4", "-q:v", "5", "-c:a", "aac", "-shortest", file],
  ]);
  return file;
}

/**
 * The environment in which an agent's encodes go at the source's own pace (`-re`), so that a short clip can be
 * interrupted at a chosen moment and many encodes share two cores. It is the same ffmpeg, and the same process:
 * the script replaces itself. Only encodes say `-y -progress`; probes and checks run as fast as they can.
 */
export async function pacedTools(
  tools: MediaTools,
  folder: string,
): Promise<Record<"FFMPEG_PATH" | "FFPROBE_PATH", string>> {
  const script = path.join(folder, "paced-ffmpeg");
  const text = `#!/bin/sh
case " $* " in
  *" -y -progress "*) exec '${tools.ffmpeg}' -re "$@" ;;
  *) exec '${tools.ffmpeg}' "$@" ;;
esac
`;
  await writeFile(script, text);
  await chmod(script, 0o755);
  return { FFMPEG_PATH: script, FFPROBE_PATH: tools.ffprobe };
}
