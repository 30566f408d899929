/** Options of an output that the encoders take. */
import {
  boolean,
  decimal,
  either,
  encoderParams,
  flags,
  int,
  oneOf,
  quantity,
  word,
} from "../values.ts";
import { each, type OptionTable, perStream } from "./define.ts";
import { svtKeys, x264Keys, x265Keys } from "./encoder-keys.ts";

const MAX_BITRATE = 2_000_000_000;
const bitrate = quantity(0, MAX_BITRATE);

/** x264's and x265's names, SVT's and libaom's numbers, NVENC's p1 to p7. */
const preset = either(
  "must be a preset as medium, p4 or 8",
  oneOf(
    ...["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"],
    ...["veryslow", "placebo", "p1", "p2", "p3", "p4", "p5", "p6", "p7"],
    ...["default", "hp", "hq", "bd", "ll", "llhq", "llhp", "lossless", "losslesshp"],
  ),
  int(-2, 13),
);

const encoding: OptionTable = {
  ...each(["b", "minrate", "maxrate", "bufsize"], perStream(bitrate)),
  crf: perStream(decimal(-1, 63)),
  crf_max: perStream(decimal(-1, 63)),
  ...each(["qp", "cq", "qmin", "qmax"], perStream(int(-1, 255))),
  q: perStream(decimal(-1, 255)),
  qdiff: perStream(int(1, 255)),
  ...each(
    ["qcomp", "qblur", "i_qfactor", "b_qfactor", "aq-strength"],
    perStream(decimal(-10, 100)),
  ),
  preset: perStream(preset),
  tune: perStream(
    oneOf(
      "film",
      "animation",
      "grain",
      "stillimage",
      "psnr",
      "ssim",
      "fastdecode",
      "zerolatency",
      "hq",
      "ll",
      "ull",
      "lossless",
    ),
  ),
  profile: perStream(
    either(
      "must be a profile as high or main10",
      oneOf(
        ...["baseline", "main", "high", "high10", "high422", "high444", "high444p", "main10"],
        ...["main12", "main422-10", "main444-8", "main444-10", "mainstillpicture", "msp", "rext"],
        ...["main422-12", "main444-12", "aac_low", "aac_he", "aac_he_v2", "aac_ld", "aac_eld"],
        ...["proxy", "lt", "standard", "hq", "4444", "4444xq", "dnxhr_lb", "dnxhr_sq", "dnxhr_hq"],
        ...["dnxhr_hqx", "dnxhr_444", "professional"],
      ),
      int(-99, 5),
    ),
  ),
  level: perStream(
    either(
      "must be a level as 4.1",
      word(/^[1-8](?:\.[0-3])?$/, ""),
      int(-99, 186),
      oneOf("1b", "auto"),
    ),
  ),
  tag: perStream(
    oneOf(
      "hvc1",
      "hev1",
      "avc1",
      "avc3",
      "av01",
      "vp09",
      "mp4v",
      "mp4a",
      "tx3g",
      "ap4h",
      "apch",
      "apcn",
      "apcs",
      "apco",
    ),
  ),
  flags: perStream(
    flags(
      "cgop",
      "global_header",
      "bitexact",
      "ilme",
      "ildct",
      "low_delay",
      "loop",
      "qpel",
      "mv4",
      "aic",
      "psnr",
      "qscale",
      "output_corrupt",
    ),
  ),
  flags2: perStream(flags("fast", "local_header", "showall", "noout")),
  strict: perStream(
    either(
      "must be a level as experimental",
      oneOf("very", "strict", "normal", "unofficial", "experimental"),
      int(-2, 2),
    ),
  ),
  compression_level: perStream(int(-1, 12)),
  pred: perStream(oneOf("none", "sub", "up", "avg", "paeth", "mixed")),
  "x264-params": perStream(encoderParams(x264Keys)),
  "x265-params": perStream(encoderParams(x265Keys)),
  "svtav1-params": perStream(encoderParams(svtKeys)),
  coder: perStream(
    oneOf(
      "default",
      "cavlc",
      "cabac",
      "vlc",
      "ac",
      "auto",
      "0",
      "1",
      "-1",
      "range_def",
      "range_tab",
    ),
  ),
  ...each(
    [
      "a53cc",
      "aud",
      "8x8dct",
      "mbtree",
      "mixed-refs",
      "fast-pskip",
      "weightb",
      "intra-refresh",
      "forced-idr",
      "psy",
      "bluray-compat",
    ],
    perStream(boolean),
  ),
  "b-pyramid": perStream(oneOf("none", "strict", "normal")),
  "nal-hrd": perStream(oneOf("none", "vbr", "cbr")),
  "direct-pred": perStream(oneOf("none", "spatial", "temporal", "auto")),
  weightp: perStream(oneOf("none", "simple", "smart", "0", "1", "2", "-1")),
  "psy-rd": perStream(
    word(/^\d{1,2}(?:\.\d{1,3})?[:,]\d{1,2}(?:\.\d{1,3})?$/, "two numbers as 1.0:0.0"),
  ),
  deblock: perStream(word(/^-?\d[:,]-?\d$/, "two numbers as -1:-1")),
  partitions: perStream(
    word(/^(?:none|all|[pbi]\dx\d(?:,[pbi]\dx\d){0,6})$/, "partitions as p8x8,b8x8"),
  ),
  motion_est: perStream(oneOf("dia", "hex", "umh", "esa", "tesa", "zero", "epzs", "xone")),
  me_method: perStream(oneOf("dia", "hex", "umh", "esa", "tesa", "zero", "epzs")),
  ...each(
    [
      "b_strategy",
      "b-bias",
      "subq",
      "me_range",
      "trellis",
      "cmp",
      "nr",
      "noise_reduction",
      "chromaoffset",
      "slices",
      "mbd",
      "rc-lookahead",
      "rc_lookahead",
      "lag-in-frames",
      "aq-mode",
      "aq_mode",
    ],
    perStream(int(-10_000, 100_000)),
  ),
};

const otherEncoders: OptionTable = {
  // libvpx, libaom
  ...each(["deadline", "quality"], perStream(oneOf("good", "best", "realtime"))),
  usage: perStream(oneOf("good", "realtime", "allintra")),
  ...each(["cpu-used", "speed"], perStream(int(-16, 16))),
  ...each(["row-mt", "frame-parallel", "lossless"], perStream(boolean)),
  "auto-alt-ref": perStream(int(-1, 6)),
  ...each(["tile-columns", "tile-rows", "arnr-type", "sharpness"], perStream(int(-1, 7))),
  tiles: perStream(word(/^\d{1,2}x\d{1,2}$/, "columns x rows")),
  ...each(
    [
      "arnr-maxframes",
      "arnr-max-frames",
      "arnr-strength",
      "static-thresh",
      "undershoot-pct",
      "overshoot-pct",
      "max-intra-rate",
      "error-resilience",
      "noise-sensitivity",
      "denoise-noise-level",
      "la_depth",
      "film-grain",
    ],
    perStream(int(-1, 1_000_000)),
  ),
  "tune-content": perStream(oneOf("default", "screen", "film")),
  // NVENC; the device is the server's to choose.
  rc: perStream(oneOf("constqp", "vbr", "cbr", "vbr_hq", "cbr_hq", "cbr_ld_hq", "vbr_minqp")),
  ...each(
    [
      "spatial-aq",
      "spatial_aq",
      "temporal-aq",
      "temporal_aq",
      "no-scenecut",
      "strict_gop",
      "nonref_p",
      "weighted_pred",
      "zerolatency",
    ],
    perStream(boolean),
  ),
  b_ref_mode: perStream(oneOf("disabled", "each", "middle", "0", "1", "2")),
  multipass: perStream(oneOf("disabled", "qres", "fullres", "0", "1", "2")),
  // ProRes, DNxHD
  vendor: perStream(oneOf("apl0", "ap10", "fmpg")),
  bits_per_mb: perStream(int(0, 8192)),
  mbs_per_slice: perStream(int(1, 8)),
  quant_mat: perStream(oneOf("auto", "default", "proxy", "lt", "standard", "hq")),
  alpha_bits: perStream(oneOf("0", "8", "16")),
  // VideoToolbox
  ...each(["realtime", "allow_sw"], perStream(boolean)),
};

export const encodingOptions: OptionTable = { ...encoding, ...otherEncoders };
