/**
 * Whether a file of H.264 or HEVC has one sequence parameter set from beginning to end. What says otherwise of a copy may be
 * another size midway, or another depth: players that prepare for the first, as `avc1` and `hvc1` promise that it is the only
 * one (ISO/IEC 14496-15, 5.3 and 8.3), show nothing from there on.
 */
import { tmpdir } from "node:os";
import { MAX_ALLOC_BYTES, QUIET } from "./argv.ts";
import { runProcess } from "./process.ts";
import type { Tools } from "./types.ts";

/** Reading every packet of a file of many gigabytes. */
const READ_TIMEOUT_MS = 600_000;

/** Takes the sets out of the sample entry to where they count, and leaves nothing else of each packet (H.264 7.4.1, H.265 7.4.2). */
const setsAlone: Readonly<Record<string, string>> = {
  h264: "h264_mp4toannexb,filter_units=pass_types=7",
  hevc: "hevc_mp4toannexb,filter_units=pass_types=33",
};

/**
 * @param input whitelists, `-i` and the file: an MP4 or MOV.
 * @returns true for other codecs; false where they cannot be read.
 * @throws the signal's reason when it is aborted.
 */
export async function hasOneConfiguration(
  tools: Tools,
  input: readonly string[],
  codec: string,
  signal: AbortSignal,
): Promise<boolean> {
  const filter = setsAlone[codec];
  if (filter === undefined) return true;
  const sets = new Set<string>();
  const result = await runProcess({
    command: tools.ffmpeg,
    confinement: tools.confinement,
    args: [
      ...["-nostdin", ...QUIET, "-nostats", "-max_alloc", String(MAX_ALLOC_BYTES)],
      ...input,
      ...["-map", "0:V:0", "-c:v", "copy", "-bsf:v", filter, "-f", "framecrc", "pipe:1"],
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: READ_TIMEOUT_MS,
    onStdoutLine: (line) => void (isPacket(line) && sets.size < 2 && sets.add(contentOf(line))),
  });
  signal.throwIfAborted();
  return result.end.kind === "exited" && result.exitCode === 0 && sets.size < 2;
}

function isPacket(line: string): boolean {
  return /^\d/.test(line);
}

/** Size and checksum: `stream, dts, pts, duration, size, checksum` and what is beside the packet. */
function contentOf(line: string): string {
  return line.split(",").slice(4, 6).join();
}
