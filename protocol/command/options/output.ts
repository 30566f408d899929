/** Options that stand before an output. */
import {
  audioEncoderNames,
  encoderNames,
  subtitleEncoderNames,
  videoEncoders,
} from "../encoders.ts";
import { expression } from "../expression.ts";
import {
  channelLayout,
  colorMatrix,
  colorPrimaries,
  colorRange,
  colorTransfer,
  pixelFormat,
  sampleFormat,
} from "../filters/types.ts";
import { ok, refuse, type ValueType } from "../read.ts";
import { mapType } from "../streams.ts";
import {
  boolean,
  decimal,
  either,
  flags,
  harmlessText,
  int,
  listOf,
  MAX_RATE,
  MAX_SECONDS,
  oneOf,
  quantity,
  rate,
  ratio,
  renamed,
  size,
  time,
  word,
} from "../values.ts";
import { each, type OptionTable, perMetadata, perStream, plain } from "./define.ts";
import { encodingOptions } from "./encoding.ts";
import { keyTimes } from "./input.ts";

const anyEncoder = renamed(
  encoderNames,
  oneOf("copy", ...videoEncoders.keys(), ...audioEncoderNames, ...subtitleEncoderNames),
);

const keyFrames: ValueType = (text) => {
  const formula = /^expr:(.*)$/s.exec(text)?.[1];
  if (formula === undefined) return text === "source" ? ok(text) : keyTimes(text);
  const names = ["n", "n_forced", "prev_forced_n", "prev_forced_t", "t"];
  const read = expression({ names })(formula);
  return read.status === "refused" ? read : ok(`expr:${read.value}`);
};

/** `key=value`; a key is a word, a value text for people. */
const metadata: ValueType = (text) => {
  const parts = /^([A-Za-z0-9_-]{1,40})=(.*)$/s.exec(text);
  if (parts === null) return refuse("must be key=value");
  const read = harmlessText(500)(parts[2] ?? "");
  return read.status === "refused" ? read : ok(`${parts[1]}=${read.value}`);
};

const disposition = either(
  "must be 0 or flags as default+forced",
  oneOf("0"),
  flags(
    ...["default", "dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired"],
    ...["visual_impaired", "clean_effects", "attached_pic", "captions", "descriptions", "metadata"],
  ),
);

const bitstreamFilters = listOf(
  oneOf(
    ...["h264_mp4toannexb", "hevc_mp4toannexb", "aac_adtstoasc", "extract_extradata"],
    ...["h264_redundant_pps", "vp9_superframe", "vp9_superframe_split", "av1_frame_merge"],
    ...["remove_extra", "dump_extra", "null", "mpeg4_unpack_bframes", "opus_metadata"],
  ),
  ",",
  8,
);

const streams: OptionTable = {
  map: plain(mapType, { repeats: true }),
  map_chapters: plain(int(-1, 15)),
  map_metadata: perMetadata(
    either(
      "must be -1 or an input's number",
      oneOf("-1"),
      word(/^\d{1,2}(?::(?:g|s(?::\d{1,2}|:[vas](?::\d{1,2})?)?|c))?$/, ""),
    ),
  ),
  metadata: perMetadata(metadata, { repeats: true }),
  disposition: perStream(disposition),
  ...each(["an", "vn", "sn", "dn", "shortest", "bitexact"], plain(null)),
  ss: plain(time(0, MAX_SECONDS)),
  t: plain(time(0, MAX_SECONDS)),
  to: plain(time(0, MAX_SECONDS)),
  fs: plain(quantity(1, 1e12)),
  frames: perStream(int(1, 1e9)),
  c: perStream(anyEncoder),
  filter: perStream(null),
  bsf: perStream(bitstreamFilters),
};

const pictures: OptionTable = {
  r: perStream(rate(1 / 3600, MAX_RATE)),
  fpsmax: perStream(rate(1, MAX_RATE)),
  s: perStream(size),
  aspect: perStream(ratio(0.01, 100)),
  pix_fmt: perStream(pixelFormat),
  fps_mode: perStream(
    renamed(
      { "0": "passthrough", "1": "cfr", "2": "vfr", "-1": "auto" },
      oneOf("passthrough", "cfr", "vfr", "drop", "auto"),
    ),
  ),
  enc_time_base: perStream(
    either("must be 0, -1 or a ratio", oneOf("0", "-1"), word(/^\d{1,9}[:/]\d{1,9}$/, "")),
  ),
  force_key_frames: perStream(keyFrames),
  g: perStream(int(0, 100_000)),
  keyint_min: perStream(int(0, 100_000)),
  bf: perStream(int(-1, 16)),
  refs: perStream(int(0, 16)),
  sc_threshold: perStream(int(-1000, 1_000_000)),
  color_primaries: perStream(colorPrimaries),
  color_trc: perStream(colorTransfer),
  colorspace: perStream(colorMatrix),
  color_range: perStream(either("must be tv or pc", oneOf("0", "1", "2"), colorRange)),
  chroma_sample_location: perStream(
    oneOf("unspecified", "left", "center", "topleft", "top", "bottomleft", "bottom"),
  ),
  field_order: perStream(oneOf("progressive", "tt", "bb", "tb", "bt")),
  sws_flags: perStream(
    flags(
      "fast_bilinear",
      "bilinear",
      "bicubic",
      "neighbor",
      "area",
      "bicublin",
      "gauss",
      "sinc",
      "lanczos",
      "spline",
      "accurate_rnd",
      "full_chroma_int",
      "full_chroma_inp",
      "bitexact",
    ),
  ),
};

const sound: OptionTable = {
  ac: perStream(int(1, 16)),
  ar: perStream(int(4000, 192_000)),
  sample_fmt: perStream(sampleFormat),
  channel_layout: perStream(channelLayout),
  vbr: perStream(
    either(
      "must be on, off, constrained or a number",
      oneOf("on", "off", "constrained"),
      int(0, 5),
    ),
  ),
  application: perStream(oneOf("voip", "audio", "lowdelay")),
  frame_duration: perStream(decimal(2.5, 120)),
  packet_loss: perStream(int(0, 100)),
  mapping_family: perStream(int(-1, 255)),
  cutoff: perStream(int(0, 96_000)),
  aac_coder: perStream(oneOf("anmr", "twoloop", "fast")),
  joint_stereo: perStream(boolean),
  reservoir: perStream(boolean),
  abr: perStream(boolean),
  afterburner: perStream(boolean),
  id3v2_version: plain(oneOf("3", "4"), { formats: ["mp3"] }),
  write_id3v1: plain(boolean, { formats: ["mp3"] }),
  write_xing: plain(boolean, { formats: ["mp3"] }),
};

const muxing: OptionTable = {
  movflags: plain(
    flags(
      ...["faststart", "frag_keyframe", "empty_moov", "default_base_moof", "separate_moof"],
      ...[
        "frag_every_frame",
        "delay_moov",
        "dash",
        "cmaf",
        "global_sidx",
        "skip_sidx",
        "frag_custom",
      ],
      ...["skip_trailer", "omit_tfhd_offset", "negative_cts_offsets", "disable_chpl", "prefer_icc"],
      ...["use_metadata_tags", "write_colr", "write_gama", "frag_discont"],
    ),
    { formats: ["mp4", "mov"] },
  ),
  ...each(
    ["frag_duration", "frag_size", "min_frag_duration"],
    plain(int(0, 1e9), { formats: ["mp4", "mov"] }),
  ),
  video_track_timescale: plain(int(0, 10_000_000), { formats: ["mp4", "mov"] }),
  ...each(
    ["write_tmcd", "use_editlist"],
    plain(oneOf("0", "1", "-1"), { formats: ["mp4", "mov"] }),
  ),
  brand: plain(oneOf("mp42", "isom", "iso2", "iso4", "iso5", "iso6", "avc1", "dash", "qt  "), {
    formats: ["mp4", "mov"],
  }),
  loop: plain(int(-1, 65_535), { formats: ["gif"] }),
  final_delay: plain(int(-1, 65_535), { formats: ["gif"] }),
  update: plain(boolean, { formats: ["jpg", "png"] }),
  ...each(["cluster_time_limit", "cluster_size_limit"], plain(int(-1, 1e9), { formats: ["webm"] })),
  cues_to_front: plain(boolean, { formats: ["webm"] }),
  avoid_negative_ts: plain(
    oneOf("auto", "disabled", "make_non_negative", "make_zero", "-1", "0", "1", "2"),
  ),
  max_muxing_queue_size: plain(int(1, 9999)),
  ...each(["muxdelay", "muxpreload"], plain(decimal(0, 10))),
  max_interleave_delta: plain(int(0, 1e9)),
  fflags: plain(flags("bitexact", "genpts", "shortest")),
  shortest_buf_duration: plain(decimal(0, 60)),
};

export const outputOptions: OptionTable = {
  ...streams,
  ...pictures,
  ...sound,
  ...encodingOptions,
  ...muxing,
};
