/**
 * Whether pictures are made of fields where no head says: of DV, Xvid and their like only a decoder tells, frame by frame.
 * DV of 576 and 480 lines is interlaced, bottom field first (IEC 61834-2), unless its control pack says that both are of one
 * moment.
 */
import { tmpdir } from "node:os";
import type { SourceInfo } from "../../protocol/media.ts";
import { loopbackUrl, MAX_ALLOC_BYTES, MAX_PIXELS, QUIET, sourceWhitelists } from "./argv.ts";
import type { ProbedFile } from "./ffprobe-json.ts";
import { runProcess } from "./process.ts";
import type { ProbeRequest, Tools } from "./types.ts";

/** Codecs that know fields and leave the probe's `field_order` unknown (ffmpeg 5.1). */
const SILENT: readonly string[] = ["dvvideo", "mpeg4", "mjpeg", "dnxhd", "prores", "utvideo"];
const TOLD = /^(?:progressive|tt|bb|tb|bt)$/;
/** QuickTime's `fiel` is often wrong of it: ffmpeg itself writes that tape is progressive. */
const ALWAYS_ASKED = "dvvideo";
/** One may be odd; all cost a decode. */
const FRAMES = 5;
/** Decoding a few frames of a file whose head was read. */
const LOOK_TIMEOUT_MS = 60_000;

/** The source, with `interlaced` as its first frames have it where the probe could not know. */
export async function withFieldsSeen(
  tools: Tools,
  source: SourceInfo,
  probed: ProbedFile,
  request: ProbeRequest,
): Promise<SourceInfo> {
  const { video } = source;
  const order = probed.streams.find(({ index }) => index === video?.index)?.field_order;
  if (video === null || !SILENT.includes(video.codec)) return source;
  if (TOLD.test(order ?? "") && video.codec !== ALWAYS_ASKED) return source;
  const frames = await fieldsOf(tools, video.index, request);
  if (frames.length === 0) return source;
  const ofFields = frames.filter((isOfFields) => isOfFields).length;
  return { ...source, video: { ...video, interlaced: ofFields * 2 > frames.length } };
}

/** Of the first frames whether each is made of fields; empty where none can be decoded. */
async function fieldsOf(
  tools: Tools,
  stream: number,
  { url, signal }: ProbeRequest,
): Promise<readonly boolean[]> {
  const frames: boolean[] = [];
  await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-max_alloc", String(MAX_ALLOC_BYTES), "-max_pixels", String(MAX_PIXELS)],
      ...["-select_streams", String(stream), "-read_intervals", `%+#${FRAMES}`],
      ...["-show_entries", "frame=interlaced_frame", "-of", "csv=p=0"],
      ...sourceWhitelists(),
      loopbackUrl(url),
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: LOOK_TIMEOUT_MS,
    onStdoutLine: (line) => {
      const flag = /^[01]/.exec(line)?.[0];
      if (flag !== undefined) frames.push(flag === "1");
    },
  });
  signal.throwIfAborted();
  return frames;
}
