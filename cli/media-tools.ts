/** ffmpeg as the agent on this machine would find it. The agent is asked: what it resolves is its own business. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./runtime/root.ts";

const run = promisify(execFile);

export interface MediaTools {
  readonly ffmpeg: string;
  readonly ffprobe: string;
  readonly version: string;
}

/** @throws Error with the agent's own words when this machine has no ffmpeg that runs. */
export async function findMediaTools(): Promise<MediaTools> {
  const entry = path.join(ROOT, "worker-node/print-tools.ts");
  try {
    const { stdout } = await run(process.execPath, [entry]);
    return JSON.parse(stdout) as MediaTools;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(stderr?.trim() || String(error), { cause: error });
  }
}

/**
 * Makes a clip worth transcoding: 12 s of moving picture and tone, in MPEG-4 Part 2 so that browsers cannot
 * play it as it is.
 */
export async function makeClip(tools: MediaTools, file: string): Promise<void> {
  await run(tools.ffmpeg, [
    ...["-nostdin", "-v", "error", "-y"],
    ...["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=12"],
    ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=12"],
    ...["-c:v", "mpeg4", "-q:v", "3", "-c:a", "aac", "-b:a", "128k"],
    ...["-shortest", file],
  ]);
}

export interface Probed {
  readonly streams: readonly {
    readonly codec_type: string;
    readonly codec_name: string;
    readonly width?: number;
    readonly height?: number;
    readonly nb_read_frames?: string;
  }[];
  readonly format: {
    readonly format_name: string;
    readonly duration?: string;
    readonly size?: string;
  };
}

/** What ffprobe says of a file, its frames counted by decoding. */
export async function probeFile(tools: MediaTools, file: string): Promise<Probed> {
  const { stdout } = await run(
    tools.ffprobe,
    ["-v", "error", "-count_frames", "-show_format", "-show_streams", "-of", "json", file],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  return JSON.parse(stdout) as Probed;
}
