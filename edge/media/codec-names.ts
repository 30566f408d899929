/** Codecs by ffprobe's names, which is how clients and the agents' probe know them. */
import type { MediaCodec } from "mediabunny";

const known: Partial<Record<MediaCodec, string>> = {
  avc: "h264",
  "pcm-s16": "pcm_s16le",
  "pcm-s24": "pcm_s24le",
  "pcm-s32": "pcm_s32le",
  "pcm-f32": "pcm_f32le",
  "pcm-f64": "pcm_f64le",
  ulaw: "pcm_mulaw",
  alaw: "pcm_alaw",
};

/** By the name of ISO's and QuickTime's sample entries (https://mp4ra.org) and Matroska's CodecID. */
const byContainerId: Readonly<Record<string, string>> = {
  mp4v: "mpeg4",
  "V_MPEG4/ISO/ASP": "mpeg4",
  "V_MPEG4/ISO/SP": "mpeg4",
  V_MPEG1: "mpeg1video",
  V_MPEG2: "mpeg2video",
  V_MJPEG: "mjpeg",
  V_PRORES: "prores",
  V_FFV1: "ffv1",
  jpeg: "mjpeg",
  mjpa: "mjpeg",
  apch: "prores",
  apcn: "prores",
  apcs: "prores",
  apco: "prores",
  ap4h: "prores",
  ap4x: "prores",
  AVdn: "dnxhd",
  AVdh: "dnxhd",
  s263: "h263",
  SVQ3: "svq3",
  cvid: "cinepak",
  "rle ": "qtrle",
  alac: "alac",
  A_ALAC: "alac",
  samr: "amr_nb",
  sawb: "amr_wb",
  A_TRUEHD: "truehd",
  mlpa: "truehd",
};

/** ffprobe's name for a codec as mediabunny knows it, else for the container's own id, else null. */
export function ffprobeCodecName(codec: MediaCodec | null, containerId: unknown): string | null {
  if (codec !== null) return known[codec] ?? codec.replaceAll("-", "_");
  return typeof containerId === "string" ? (byContainerId[containerId] ?? null) : null;
}
