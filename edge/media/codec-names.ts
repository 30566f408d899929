/** Codecs by ffprobe's names, which is how clients and the agents' probe know them. */

/** By the names of ISO's and QuickTime's sample entries (https://mp4ra.org/registered-types/sampleentries). */
const bySampleEntry: Readonly<Record<string, string>> = {
  avc1: "h264",
  avc2: "h264",
  avc3: "h264",
  avc4: "h264",
  hvc1: "hevc",
  hev1: "hevc",
  dvh1: "hevc",
  dvhe: "hevc",
  av01: "av1",
  vp08: "vp8",
  vp09: "vp9",
  vvc1: "vvc",
  vvi1: "vvc",
  s263: "h263",
  H263: "h263",
  apch: "prores",
  apcn: "prores",
  apcs: "prores",
  apco: "prores",
  ap4h: "prores",
  ap4x: "prores",
  AVdn: "dnxhd",
  AVdh: "dnxhd",
  jpeg: "mjpeg",
  mjpa: "mjpeg",
  cvid: "cinepak",
  SVQ3: "svq3",
  "rle ": "qtrle",
  Opus: "opus",
  fLaC: "flac",
  alac: "alac",
  "ac-3": "ac3",
  "ec-3": "eac3",
  ".mp3": "mp3",
  sowt: "pcm_s16le",
  twos: "pcm_s16be",
  in24: "pcm_s24be",
  in32: "pcm_s32be",
  fl32: "pcm_f32be",
  fl64: "pcm_f64be",
  "raw ": "pcm_u8",
  ulaw: "pcm_mulaw",
  alaw: "pcm_alaw",
  samr: "amr_nb",
  sawb: "amr_wb",
  dtsc: "dts",
  dtsh: "dts",
  dtsl: "dts",
  mlpa: "truehd",
};

/** By MPEG-4's object type indication (https://mp4ra.org/registered-types/object-types). */
const byObjectType: Readonly<Record<number, string>> = {
  32: "mpeg4",
  64: "aac",
  96: "mpeg2video",
  97: "mpeg2video",
  98: "mpeg2video",
  99: "mpeg2video",
  100: "mpeg2video",
  101: "mpeg2video",
  102: "aac",
  103: "aac",
  104: "aac",
  105: "mp3",
  106: "mpeg1video",
  107: "mp3",
  108: "mjpeg",
  165: "ac3",
  166: "eac3",
  169: "dts",
  173: "opus",
  221: "vorbis",
};

/** By Matroska's CodecID (https://www.matroska.org/technical/codec_specs.html). */
const byCodecId: Readonly<Record<string, string>> = {
  "V_MPEG4/ISO/AVC": "h264",
  "V_MPEGH/ISO/HEVC": "hevc",
  V_AV1: "av1",
  V_VP8: "vp8",
  V_VP9: "vp9",
  "V_MPEG4/ISO/ASP": "mpeg4",
  "V_MPEG4/ISO/SP": "mpeg4",
  V_MPEG1: "mpeg1video",
  V_MPEG2: "mpeg2video",
  V_MJPEG: "mjpeg",
  V_PRORES: "prores",
  V_FFV1: "ffv1",
  V_THEORA: "theora",
  A_AAC: "aac",
  A_OPUS: "opus",
  A_VORBIS: "vorbis",
  A_FLAC: "flac",
  A_ALAC: "alac",
  A_AC3: "ac3",
  A_EAC3: "eac3",
  A_DTS: "dts",
  A_TRUEHD: "truehd",
  "A_MPEG/L3": "mp3",
  "A_MPEG/L2": "mp2",
};

/**
 * Codec of a sample entry; `objectType` is what its `esds` says, which decides for `mp4a` and `mp4v`. Null for
 * one that is not known here.
 */
export function codecOfSampleEntry(type: string, objectType: number | null): string | null {
  if (type === "mp4a") return objectType === null ? "aac" : (byObjectType[objectType] ?? null);
  if (type === "mp4v") return objectType === null ? "mpeg4" : (byObjectType[objectType] ?? null);
  return lookUp(bySampleEntry, type);
}

/** Codec of a Matroska track, or null for one that is not known here. */
export function codecOfMatroska(codecId: string): string | null {
  // Older muxers add the profile: A_AAC/MPEG4/LC.
  return lookUp(byCodecId, codecId) ?? (codecId.startsWith("A_AAC/") ? "aac" : null);
}

function lookUp(table: Readonly<Record<string, string>>, name: string): string | null {
  return Object.hasOwn(table, name) ? (table[name] ?? null) : null;
}
