/**
 * An ffmpeg with a graphics card, where there is none: it lists NVENC's encoders, counts the sessions that are open with
 * lock files, fails in the words of ffmpeg 5 or 7, and otherwise runs the real ffmpeg with libx264 and `scale` in place of
 * NVENC and `scale_cuda`, so that what comes out is real.
 */
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import { type StandInDevice, standInDevice } from "./stand-in-device.ts";

export interface Card {
  /** Encoder sessions of the whole card, for everyone. */
  readonly sessions: number;
  /** How it says that there is no session left. */
  readonly exhausted: "out of memory (10)" | "incompatible client key (21)";
  readonly speaks: 5 | 7;
  readonly encoders: readonly ("h264_nvenc" | "hevc_nvenc" | "av1_nvenc")[];
  readonly tenBits: boolean;
  /** Whether B-frames may be referred to; cards before Turing refuse. */
  readonly referencedBFrames: boolean;
  /** What it decodes, as ffprobe names codecs; null for a card whose CUDA filters are not there. */
  readonly decodes: readonly string[] | null;
  /** An encoder that never answers. */
  readonly hangs: string | null;
  /** Makes pictures of another size than it is asked for, and reports success; `all`: and so does software. */
  readonly missizes: "card" | "all" | null;
  /** Fails after this many frames of every output. */
  readonly failsAfterFrames: number | null;
  /** Software encoders that it lists; proving all that the real one has takes seconds. */
  readonly software: readonly string[];
  /** The container lacks the driver's libraries. */
  readonly isAbsent: boolean;
}

const healthy: Card = {
  sessions: 8,
  exhausted: "out of memory (10)",
  speaks: 5,
  encoders: ["h264_nvenc", "hevc_nvenc"],
  tenBits: true,
  referencedBFrames: true,
  decodes: ["h264", "hevc"],
  hangs: null,
  missizes: null,
  failsAfterFrames: null,
  software: ["libx264"],
  isAbsent: false,
};

export type GraphicsCard = StandInDevice<Card>;

/** Puts a card into the machine of these tools. `dir` is for its files. */
export function graphicsCard(
  real: Tools,
  dir: string,
  change: Partial<Card> = {},
): Promise<GraphicsCard> {
  return standInDevice(real, dir, { ...healthy, ...change }, SCRIPT);
}

/** Words of libavcodec/nvenc.c, libavutil/hwcontext_cuda.c and fftools, as 5.1 and 7.0 have them. */
const SCRIPT = String.raw`
const names = argv.filter((a, i) => /_nvenc$/.test(a) && /^-c:v/.test(argv[i - 1]));
const onCuda = argv.includes("cuda") || argv.some((a) => /scale_cuda|hwupload_cuda/.test(a));

if (argv.includes("-encoders")) list(card.encoders.map((e) => " V....D " + e + "  NVIDIA NVENC"));
const missized = (a) => (card.missizes === "all" ? a.replace(/\bscale=w=\d+/, "scale=w=64") : a);
if (names.length === 0 && !onCuda) forward(argv.map(missized), () => {});
else encode();

function fail(lines) { failToOpen(lines, names[0]); }

function encode() {
  remember();
  const at = "[" + names[0] + " @ 0x1] ";
  if (card.isAbsent) fail([at + "Cannot load libnvidia-encode.so.1", at + "The minimum required Nvidia driver for nvenc is 470.57.02 or newer"]);
  if (card.hangs !== null && names.includes(card.hangs)) return hang();
  const all = argv.join(" ");
  for (const [, width] of all.matchAll(/\bs=(\d+)x/g)) {
    if (Number(width) < 145) fail([at + "Frame Dimension less than the minimum supported value.", at + "No capable devices found"]);
  }
  if (/p010le/.test(all) && !card.tenBits) fail([at + "10 bit encode not supported", at + "No capable devices found"]);
  if (argv.includes("-b_ref_mode") && !card.referencedBFrames) fail([at + "B frames as references are not supported", at + "No capable devices found"]);
  const graph = ["Impossible to convert between the formats supported by the filter 'graph 0 input from stream 0:0' and the filter 'auto_scale_0'"];
  if (onCuda && card.decodes === null) fail(["[AVFilterGraph @ 0x2] No such filter: 'scale_cuda'"]);
  const hw = argv.indexOf("-hwaccel");
  if (hw >= 0) {
    const source = argv[argv.indexOf("-i", hw) + 1].replace(/^file:/, "");
    const probed = spawnSync(PROBE, ["-v", "error", "-select_streams", "V:0", "-show_entries", "stream=codec_name", "-of", "csv=p=0", source], { encoding: "utf8" });
    const codec = probed.stdout.trim().split(",")[0];
    if (!card.decodes.includes(codec)) {
      fail(["[" + codec + " @ 0x3] Failed setup for format cuda: hwaccel initialisation returned error.", ...graph]);
    }
  }
  const close = openSessions(names);
  if (close === null) {
    fail([at + "OpenEncodeSessionEx failed: " + card.exhausted + ": (no details)", at + "No capable devices found"]);
  }
  forward(inSoftware(argv), close, card.failsAfterFrames !== null && (() => {
    say(at + "EncodePicture failed!: generic error (20): (no details)");
    say(card.speaks === 5 ? "Video encoding failed" : "[vost#0:0/" + names[0] + " @ 0x5] Error submitting video frame to the encoder");
    process.exit(card.speaks === 5 ? 1 : 187);
  }));
}

function inSoftware(args) {
  const one = new Set(["-hwaccel", "-hwaccel_output_format", "-extra_hw_frames", "-tune", "-rc", "-b_ref_mode", "-spatial-aq", "-rc-lookahead", "-forced-idr", "-strict_gop", "-no-scenecut", "-bf"]);
  const out = [];
  let encoder = "";
  for (let i = 0; i < args.length; i++) {
    const a = args[i], next = args[i + 1];
    if (one.has(a)) { i++; continue; }
    if (a === "-noautorotate") continue;
    if (/^-c:v/.test(a) && /_nvenc$/.test(next)) {
      encoder = next;
      out.push(a, next === "hevc_nvenc" ? "libx265" : "libx264");
      if (next === "hevc_nvenc") out.push("-x265-params", "log-level=none");
      if (card.failsAfterFrames !== null) out.push("-frames:v", String(card.failsAfterFrames));
      i++;
    } else if (a === "-preset" && encoder) { out.push(a, "ultrafast"); i++; }
    else if (a === "-cq") { out.push("-crf", next); i++; }
    else if (a === "-b:v" && next === "0") i++;
    else out.push(
      a.replace(/scale_cuda=w=(\d+):h=(\d+):format=(\w+)/g, (_, w, h, f) => "scale=w=" + (card.missizes ? 64 : w) + ":h=" + h + ",format=pix_fmts=" + planar(f))
        .replace(/,?hwupload_cuda/g, "")
        .replace(/format=pix_fmts=(nv12|p010le)/g, (_, f) => "format=pix_fmts=" + planar(f)),
    );
  }
  return out;
}
`;
