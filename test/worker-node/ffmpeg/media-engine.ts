/**
 * An ffmpeg on a box with VAAPI, Quick Sync or VideoToolbox, where there is none of them. It is as strict as the real one
 * about devices, surfaces, rate control and quality, fails in the words of ffmpeg's sources, drops what the real one drops
 * without a word, and otherwise runs the real ffmpeg with libx264 or libx265, so that what comes out is real.
 */
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import { type StandInDevice, standInDevice } from "./stand-in-device.ts";

export type EngineKind = "vaapi" | "qsv" | "videotoolbox";

export interface Engine {
  readonly kind: EngineKind;
  readonly speaks: 5 | 7;
  readonly sessions: number;
  /** Render nodes that a driver stands behind. */
  readonly nodes: readonly string[];
  readonly codecs: readonly ("h264" | "hevc")[];
  readonly tenBits: boolean;
  /** Ways to control the rate: `quality` is CQP, ICQ or `-q:v`, which Macs with Intel's chips lack. */
  readonly modes: readonly ("quality" | "rate")[];
  /** What VAAPI decodes, as ffprobe names codecs. */
  readonly decodes: readonly string[];
  /** An encoder that never answers. */
  readonly hangs: string | null;
  /** Dies after this many frames of every output. */
  readonly failsAfterFrames: number | null;
  /** Takes every frame, gives none back and calls that success. */
  readonly isMute: boolean;
  /** Ends with these lines when it opens an encoder. */
  readonly says: readonly string[] | null;
  readonly software: readonly string[];
}

export type MediaEngine = StandInDevice<Engine>;

/** Puts a working engine of this kind into the machine of these tools, less what is changed. */
export function mediaEngine(
  real: Tools,
  dir: string,
  kind: EngineKind,
  change: Partial<Engine> = {},
): Promise<MediaEngine> {
  const healthy: Engine = {
    ...{ kind, speaks: 5, sessions: 4, nodes: ["/dev/dri/renderD128"], tenBits: true },
    ...{ codecs: ["h264", "hevc"], modes: ["quality", "rate"], decodes: ["h264", "hevc"] },
    ...{ hangs: null, failsAfterFrames: null, isMute: false, says: null, software: ["libx264"] },
  };
  return standInDevice(real, dir, { ...healthy, ...change }, SCRIPT);
}

/**
 * Words of libavcodec/{vaapi_encode,qsvenc,qsv,videotoolboxenc}.c, libavutil/hwcontext_{vaapi,qsv}.c, libva's va.c and
 * fftools. Those about a device that is not there were recorded from Debian's ffmpeg 5.1.9 on a machine without one.
 */
const SCRIPT = String.raw`
const suffix = "_" + card.kind;
const names = argv.filter((a, i) => a.endsWith(suffix) && /^-c:v/.test(argv[i - 1]));
const all = argv.join(" ");
const after = (option, from = 0) => { const i = argv.indexOf(option, from); return i < 0 ? null : argv[i + 1]; };
const listed = {
  vaapi: { h264: " V....D h264_vaapi           H.264/AVC (VAAPI) (codec h264)", hevc: " V....D hevc_vaapi           H.265/HEVC (VAAPI) (codec hevc)" },
  qsv: { h264: " V..... h264_qsv             H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10 (Intel Quick Sync Video acceleration) (codec h264)", hevc: " V..... hevc_qsv             HEVC (Intel Quick Sync Video acceleration) (codec hevc)" },
  videotoolbox: { h264: " V....D h264_videotoolbox    VideoToolbox H.264 Encoder (codec h264)", hevc: " V....D hevc_videotoolbox    VideoToolbox H.265 Encoder (codec hevc)" },
}[card.kind];

if (argv.includes("-encoders")) list(card.codecs.map((codec) => listed[codec]));
const init = after("-init_hw_device");
if (names.length === 0 && init === null && !argv.includes("-hwaccel")) forward(argv, () => {});
else encode();

function fail(lines) { failToOpen(lines.map((line) => line.replace("@", "[" + (names[0] || "null") + " @ 0x1]")), names[0]); }

/** Ends before any file is opened. */
function failOptions(lines) {
  for (const line of lines) say(line);
  say("Failed to set value '" + init + "' for option 'init_hw_device': Invalid argument");
  say("Error parsing global options: Invalid argument");
  process.exit(card.speaks === 5 ? 1 : 234);
}

function encode() {
  remember();
  openDevice();
  if (card.hangs !== null && names.includes(card.hangs)) return hang();
  if (card.says !== null) fail(card.says);
  checkSurfaces();
  checkRates();
  checkDecoder();
  const close = openSessions(names);
  if (close === null) fail({
    vaapi: ["@ Failed to create encode context: 2 (resource allocation failed)."],
    qsv: ["@ Error initializing the encoder: failed to allocate memory (-4)"],
    videotoolbox: ["@ Error: cannot create compression session: -12915", "@ Try -allow_sw 1. The hardware encoder may be busy, or not supported."],
  }[card.kind]);
  forward(inSoftware(argv), close, card.failsAfterFrames !== null && (() => {
    say("[" + names[0] + " @ 0x1] " + {
      vaapi: "Failed to end picture encode issue: 24 (internal encoding error).",
      qsv: "Error during encoding: device failed (-17)",
      videotoolbox: "Error: cannot encode frame: -12903",
    }[card.kind]);
    say(card.speaks === 5 ? "Video encoding failed" : "[vost#0:0/" + names[0] + " @ 0x5] Error submitting video frame to the encoder");
    process.exit(card.speaks === 5 ? 1 : 187);
  }));
}

function openDevice() {
  if (card.kind === "videotoolbox") return;
  const path = (card.kind === "vaapi" ? /^vaapi=\w+:(\/.+)$/ : /^qsv=\w+,child_device=(\/.+)$/).exec(init || "");
  if (path === null) fail(card.kind === "vaapi"
    ? ["[Parsed_hwupload_1 @ 0x3] A hardware device reference is required to upload frames to."]
    : ["@ Error initializing an internal MFX session: unsupported (-3)"]);
  if (!card.nodes.includes(path[1])) failOptions(["[AVHWDeviceContext @ 0x2] No VA display found for device " + path[1] + ".", "Device creation failed: -22."]);
}

/** Where each encoder's pictures lie, and how deep they are. */
function checkSurfaces() {
  const convert = "Impossible to convert between the formats supported by the filter 'Parsed_null_0' and the filter 'auto_scaler_0'";
  const onDevice = /scale_vaapi|hwupload/.test(all) || argv.includes("-hwaccel_output_format");
  if (card.kind === "vaapi") {
    if (names.length > 0 && !onDevice) fail([convert]);
    if (/hwupload/.test(all) && after("-filter_hw_device") !== init.split(/[=:]/)[1]) fail(["[Parsed_hwupload_1 @ 0x3] A hardware device reference is required to upload frames to."]);
    if (/hwupload/.test(all) && !/format=pix_fmts=(nv12|p010le),hwupload/.test(all)) fail([convert]);
  } else if (onDevice) fail([convert]);
  if (/p010le/.test(all) && !card.tenBits) fail({
    vaapi: ["@ No usable encoding profile found."],
    qsv: ["@ Current profile is unsupported", "@ some encoding parameters are not supported by the QSV runtime. Please double check the input parameters."],
    videotoolbox: ["@ Error: cannot create compression session: -12908", "@ Try -allow_sw 1. The hardware encoder may be busy, or not supported."],
  }[card.kind]);
}

function checkRates() {
  const isQuality = { vaapi: () => after("-rc_mode") === "CQP", qsv: () => argv.includes("-global_quality"), videotoolbox: () => argv.includes("-q:v") }[card.kind]();
  if (names.length === 0 || card.modes.includes(isQuality ? "quality" : "rate")) return;
  fail({
    vaapi: ["@ Driver does not support " + (isQuality ? "CQP" : "VBR") + " RC mode (supported modes: " + (isQuality ? "CBR, VBR" : "CQP") + ")."],
    qsv: ["@ Selected ratecontrol mode is unsupported", "@ some encoding parameters are not supported by the QSV runtime. Please double check the input parameters."],
    videotoolbox: ["@ Error: -q:v qscale not available for encoder. Use -b:v bitrate instead."],
  }[card.kind]);
}

function checkDecoder() {
  const hw = argv.indexOf("-hwaccel");
  if (hw < 0) return;
  if (after("-hwaccel_device") !== init.split(/[=:]/)[1]) fail(["[AVHWDeviceContext @ 0x2] Invalid device"]);
  const source = argv[argv.indexOf("-i", hw) + 1].replace(/^file:/, "");
  const probed = spawnSync(PROBE, ["-v", "error", "-select_streams", "V:0", "-show_entries", "stream=codec_name", "-of", "csv=p=0", source], { encoding: "utf8" });
  const codec = probed.stdout.trim().split(",")[0];
  if (!card.decodes.includes(codec)) fail(["[" + codec + " @ 0x3] Failed setup for format vaapi: hwaccel initialisation returned error.", "Impossible to convert between the formats supported by the filter 'graph 0 input from stream 0:0' and the filter 'auto_scale_0'"]);
}

function inSoftware(args) {
  const one = new Set(["-init_hw_device", "-filter_hw_device", "-hwaccel", "-hwaccel_output_format", "-hwaccel_device", "-extra_hw_frames", "-rc_mode", "-forced_idr", "-profile:v"]);
  // Without it the real one makes pictures that nobody can begin at.
  const forces = card.kind !== "qsv" || argv.includes("-forced_idr");
  const out = [];
  let encoder = "";
  for (let i = 0; i < args.length; i++) {
    const a = args[i], next = args[i + 1];
    if (one.has(a) || (a === "-force_key_frames" && !forces)) { i++; continue; }
    if (a === "-noautorotate") continue;
    if (/^-c:v/.test(a) && next.endsWith(suffix)) {
      encoder = next;
      const isHevc = next.startsWith("hevc");
      out.push(a, isHevc ? "libx265" : "libx264", "-preset", "ultrafast");
      if (isHevc) out.push("-x265-params", "log-level=none");
      if (card.isMute) out.push("-frames:v", "0");
      if (card.failsAfterFrames !== null) out.push("-frames:v", String(card.failsAfterFrames));
      i++;
    } else if (a === "-preset" && encoder) i++;
    else if (a === "-qp" || a === "-global_quality") { out.push("-crf", next); i++; }
    else if (a === "-q:v") { out.push("-crf", "23"); i++; }
    else out.push(
      a.replace(/scale_vaapi=w=(\d+):h=(\d+):format=(\w+)/g, (_, w, h, f) => "scale=w=" + w + ":h=" + h + ",format=pix_fmts=" + planar(f))
        .replace(/,hwupload/g, "")
        .replace(/format=pix_fmts=(nv12|p010le)/g, (_, f) => "format=pix_fmts=" + planar(f)),
    );
  }
  return out;
}
`;
