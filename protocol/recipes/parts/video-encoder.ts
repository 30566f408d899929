/** Options of every encoder an agent may have proved, for one meaning of quality, speed and key frames. */
import type { EncoderCapability, OutputFormat, VideoCodec } from "../../media.ts";
import type { Preset } from "./params.ts";
import { presets } from "./params.ts";

export type Quality =
  /** On the scale of the codec's own crf. */
  | { readonly kind: "crf"; readonly crf: number }
  /** Average, with peaks of half as much again over two seconds. */
  | { readonly kind: "bitrate"; readonly kbps: number }
  /** As crf, with a bound on peaks over a second and a half. */
  | { readonly kind: "capped"; readonly crf: number; readonly maxKbps: number }
  /** Average over the whole, met exactly by measuring first (pass 1) and encoding then (pass 2). */
  | { readonly kind: "two_pass"; readonly kbps: number; readonly pass: 1 | 2 };

export interface EncodeSettings {
  readonly quality: Quality;
  readonly preset: Preset;
  readonly bitDepth: 8 | 10;
  /** Frames from one key frame to the next, at most. */
  readonly gop: number;
  /**
   * A key frame at the first frame at or after each multiple of this many seconds and nowhere else, so that
   * renditions of one source can be changed there; `gop` is then as many frames.
   */
  readonly alignedSeconds?: string;
  readonly format: OutputFormat;
}

export interface EncoderArguments {
  /** Last in the filter chain: moves the frames to where the encoder reads them. */
  readonly filters: readonly string[];
  readonly output: readonly string[];
}

/** The crf that is taken where none is asked for: about the same quality with each codec. */
const defaultCrf = { h264: 23, hevc: 26, av1: 32, vp9: 32 } as const;

/** What was asked of quality, or the codec's default. */
export function qualityOf(
  codec: VideoCodec,
  asked: { readonly crf?: number | undefined; readonly bitrateKbps?: number | undefined },
): Quality {
  return asked.bitrateKbps === undefined
    ? { kind: "crf", crf: asked.crf ?? defaultCrf[codec] }
    : { kind: "bitrate", kbps: asked.bitrateKbps };
}

/** @throws RangeError for an encoder that no agent of this version proves. */
export function encoderArguments(
  capability: EncoderCapability,
  settings: EncodeSettings,
): EncoderArguments {
  const own = table.get(capability.encoder);
  if (own === undefined) throw new RangeError(`No arguments are known for ${capability.encoder}.`);
  const { filters = [], options } = own(settings, capability);
  const tag = capability.codec === "hevc" && settings.format !== "webm" ? ["-tag:v", "hvc1"] : [];
  return {
    filters,
    output: [
      ...["-c:v", capability.encoder, ...options],
      ...keyframeOptions(capability.encoder, settings),
      ...tag,
    ],
  };
}

/** SVT-AV1 does not read forced key frames (ffmpeg 5.1): there their number of frames must do. */
function keyframeOptions(encoder: string, { gop, alignedSeconds }: EncodeSettings): string[] {
  if (alignedSeconds === undefined || encoder === "libsvtav1") return ["-g", String(gop)];
  return [
    // Longer than what is forced, so that the encoder begins none of its own.
    ...["-g", String(gop * 4), "-force_key_frames", `expr:gte(t,n_forced*${alignedSeconds})`],
    ...(encoder === "libx264" ? ["-keyint_min", "1", "-sc_threshold", "0"] : []),
    ...(encoder === "libx265" ? ["-forced-idr", "1"] : []),
    ...(encoder.endsWith("_nvenc") ? ["-no-scenecut", "1"] : []),
    // Quick Sync makes a forced frame intra only, which no player may begin at.
    ...(encoder.endsWith("_qsv") ? ["-forced_idr", "1"] : []),
  ];
}

/** Encoders that arguments are known for; an agent proves no others. */
export function isKnownEncoder(encoder: string): boolean {
  return table.has(encoder);
}

type Own = (
  settings: EncodeSettings,
  capability: EncoderCapability,
) => {
  readonly filters?: readonly string[];
  readonly options: readonly string[];
};

function bitrate(kbps: number): string[] {
  return ["-b:v", `${kbps}k`, "-maxrate", `${Math.round(kbps * 1.5)}k`, "-bufsize", `${kbps * 2}k`];
}

/** The bound that players are told as the peak. */
function cap(maxKbps: number): string[] {
  return ["-maxrate", `${maxKbps}k`, "-bufsize", `${Math.round(maxKbps * 1.5)}k`];
}

function crfOrBitrate(quality: Quality): string[] {
  switch (quality.kind) {
    case "crf":
      return ["-crf", String(quality.crf)];
    case "capped":
      return ["-crf", String(quality.crf), ...cap(quality.maxKbps)];
    default:
      return bitrate(quality.kbps);
  }
}

/** For encoders that hold a quality or a rate, and cannot do both: the rate, with room below its peak. */
function qualityOrRate(quality: Quality): Exclude<Quality, { readonly kind: "capped" }> {
  return quality.kind === "capped"
    ? { kind: "bitrate", kbps: Math.round(quality.maxKbps / 1.5) }
    : quality;
}

/** Where the first pass leaves what it measured: a name in the scratch directory, ffmpeg's own. */
const PASS_LOG = "two-pass";

function passOptions(quality: Quality): string[] {
  return quality.kind === "two_pass"
    ? ["-pass", String(quality.pass), "-passlogfile", PASS_LOG]
    : [];
}

/** Encoders that can measure first; the others meet an average in one pass. */
export function hasTwoPasses(encoder: string): boolean {
  return encoder === "libx264" || encoder === "libx265" || encoder === "libvpx-vp9";
}

/** Where the speed lies between veryslow (0) and ultrafast (1). */
function haste(preset: Preset): number {
  return 1 - presets.indexOf(preset) / (presets.length - 1);
}

const x264: Own = ({ quality, preset }) => {
  // Lossless exists in High 4:4:4 Predictive only; x264 refuses it under profile high.
  const lossless = quality.kind === "crf" && quality.crf < 1;
  return {
    options: [
      "-preset",
      preset,
      ...crfOrBitrate(quality),
      ...passOptions(quality),
      ...(lossless ? [] : ["-profile:v", "high"]),
    ],
  };
};

const x265: Own = ({ quality, preset, alignedSeconds }) => {
  // open-gop=0: players cut at key frames. x265 does not read ffmpeg's own `-pass`.
  const own = ["open-gop=0", "log-level=error"];
  if (alignedSeconds !== undefined) own.push("scenecut=0", "min-keyint=1");
  if (quality.kind === "two_pass") own.push(`pass=${quality.pass}`, `stats=${PASS_LOG}`);
  return {
    options: ["-preset", preset, ...crfOrBitrate(quality), "-x265-params", own.join(":")],
  };
};

const svtAv1: Own = ({ quality, preset }) => ({
  // A picture that was flipped lies upside down in memory, its lines counted backwards: SVT-AV1 reads that as
  // unsigned and never ends (ffmpeg 5.1.9, `vflip`, which ffmpeg inserts for such a display matrix).
  filters: ["copy"],
  options: [
    "-preset",
    String(Math.round(2 + haste(preset) * 10)),
    // ffmpeg 5.1 passes on no peak with crf, but takes SVT-AV1's own name for it, in kbit/s.
    ...(quality.kind === "crf" || quality.kind === "capped"
      ? ["-crf", String(Math.round(quality.crf))]
      : ["-b:v", `${quality.kbps}k`]),
    ...(quality.kind === "capped" ? ["-svtav1-params", `mbr=${quality.maxKbps}`] : []),
  ],
});

const aomAv1: Own = ({ quality, preset }) => ({
  // Experimental until ffmpeg 4.2.
  options: [
    "-strict",
    "experimental",
    "-cpu-used",
    String(Math.round(2 + haste(preset) * 6)),
    "-row-mt",
    "1",
    ...vpxRate(quality),
  ],
});

const vp9: Own = ({ quality, preset }) => ({
  options: [
    "-deadline",
    "good",
    "-cpu-used",
    String(Math.round(1 + haste(preset) * 4)),
    "-row-mt",
    "1",
    "-tile-columns",
    "1",
    ...vpxRate(quality),
    ...passOptions(quality),
  ],
});

/** Without `-b:v 0` crf is only a bound on quality under a small default rate. */
function vpxRate(asked: Quality): string[] {
  const quality = qualityOrRate(asked);
  return quality.kind === "crf"
    ? ["-crf", String(Math.round(quality.crf)), "-b:v", "0"]
    : bitrate(quality.kbps);
}

/** p4 for speed, p6 for archives; the two slowest cost much and gain little. */
function nvencPreset(preset: Preset): "p4" | "p5" | "p6" {
  const speed = haste(preset);
  if (speed > 0.7) return "p4";
  return speed > 0.3 ? "p5" : "p6";
}

/** NVENC, fed from memory or on its device (`pipeline.ts`); not run on hardware. */
function nvenc(codec: "h264" | "hevc" | "av1"): Own {
  return ({ quality, preset, bitDepth }, { plain }) => ({
    filters: [`format=pix_fmts=${surfaceOf(bitDepth)}`],
    options: [
      "-preset",
      nvencPreset(preset),
      "-tune",
      "hq",
      ...(codec === "h264" ? ["-profile:v", "high"] : []),
      ...(codec === "hevc" ? ["-profile:v", bitDepth === 10 ? "main10" : "main"] : []),
      "-rc",
      "vbr",
      ...(quality.kind === "crf" || quality.kind === "capped"
        ? ["-cq", String(scaledCq(codec, quality.crf)), "-b:v", "0"]
        : bitrate(quality.kbps)),
      ...(quality.kind === "capped" ? cap(quality.maxKbps) : []),
      ...(plain === true ? ["-bf", "0"] : ["-bf", "3", "-b_ref_mode", "middle"]),
      "-spatial-aq",
      "1",
      "-rc-lookahead",
      "20",
      "-forced-idr",
      "1",
      "-strict_gop",
      "1",
    ],
  });
}

/** A quality that ends at 51 for every codec, as NVENC's and Quick Sync's do. */
function scaledCq(codec: VideoCodec, crf: number): number {
  const isLong = codec === "av1" || codec === "vp9";
  return Math.min(51, Math.max(1, Math.round(isLong ? (crf * 51) / 63 : crf)));
}

/** Pictures as the memory of devices holds them. */
function surfaceOf(bitDepth: 8 | 10): "nv12" | "p010le" {
  return bitDepth === 10 ? "p010le" : "nv12";
}

/** The codec's own scale of 63 steps; the encoders' drivers count the quantiser's index, to 255. */
function quantiserIndex(crf: number): number {
  return Math.min(255, Math.max(1, Math.round(crf * 4)));
}

/** VAAPI: constant quantiser or average rate; not run on hardware. */
function vaapi(codec: VideoCodec): Own {
  return ({ quality: asked, bitDepth }) => {
    const quality = qualityOrRate(asked);
    // `-qp` is an option of these two alone; with others ffmpeg drops it and says nothing at this level of its log.
    const hasQp = codec === "h264" || codec === "hevc";
    const constant = (crf: number) =>
      hasQp
        ? ["-qp", String(Math.max(1, Math.round(crf)))]
        : ["-global_quality", String(quantiserIndex(crf))];
    return {
      filters: [`format=pix_fmts=${surfaceOf(bitDepth)}`, "hwupload"],
      options:
        quality.kind === "crf"
          ? ["-rc_mode", "CQP", ...constant(quality.crf)]
          : ["-rc_mode", "VBR", ...bitrate(quality.kbps)],
    };
  };
}

/** Quick Sync: intelligent constant quality, which ends at 51 for every codec, or average rate; not run on hardware. */
function qsv(codec: VideoCodec): Own {
  return ({ quality: asked, preset, bitDepth }) => {
    const quality = qualityOrRate(asked);
    return {
      filters: [`format=pix_fmts=${surfaceOf(bitDepth)}`],
      options: [
        "-preset",
        // QSV has no names faster than veryfast.
        preset === "ultrafast" || preset === "superfast" ? "veryfast" : preset,
        ...(quality.kind === "crf"
          ? ["-global_quality", String(scaledCq(codec, quality.crf))]
          : bitrate(quality.kbps)),
      ],
    };
  };
}

/** VideoToolbox: quality is 1 (worst) to 100; not run on hardware. */
function videoToolbox(codec: "h264" | "hevc"): Own {
  return ({ quality: asked, bitDepth }) => {
    const quality = qualityOrRate(asked);
    const main = bitDepth === 10 ? "main10" : "main";
    return {
      filters: [`format=pix_fmts=${surfaceOf(bitDepth)}`],
      options: [
        // Without a profile it may make 8 bits of 10.
        ...["-profile:v", codec === "h264" ? "high" : main],
        ...(quality.kind === "crf"
          ? ["-q:v", String(Math.max(1, Math.round(100 - (quality.crf * 100) / 51)))]
          : bitrate(quality.kbps)),
      ],
    };
  };
}

const table: ReadonlyMap<string, Own> = new Map([
  ["libx264", x264],
  ["libx265", x265],
  ["libsvtav1", svtAv1],
  ["libaom-av1", aomAv1],
  ["libvpx-vp9", vp9],
  ["h264_nvenc", nvenc("h264")],
  ["hevc_nvenc", nvenc("hevc")],
  ["av1_nvenc", nvenc("av1")],
  ["h264_vaapi", vaapi("h264")],
  ["hevc_vaapi", vaapi("hevc")],
  ["vp9_vaapi", vaapi("vp9")],
  ["av1_vaapi", vaapi("av1")],
  ["h264_qsv", qsv("h264")],
  ["hevc_qsv", qsv("hevc")],
  ["vp9_qsv", qsv("vp9")],
  ["av1_qsv", qsv("av1")],
  ["h264_videotoolbox", videoToolbox("h264")],
  ["hevc_videotoolbox", videoToolbox("hevc")],
]);
