/** The `CODECS` parameter (RFC 6381) of a track, from the configuration in its sample entry. */
import type { Box } from "./boxes.ts";

/** H.264: `avc1.` and profile, constraints, level (ISO/IEC 14496-15 section 5.3.3.1). */
export function avcCodec(data: DataView, avcC: Box): string {
  const bytes = [1, 2, 3].map((at) => hex2(data.getUint8(avcC.start + at)));
  return `avc1.${bytes.join("")}`;
}

/** HEVC: ISO/IEC 14496-15 annex E.3. */
export function hevcCodec(data: DataView, hvcC: Box): string {
  const first = data.getUint8(hvcC.start + 1);
  const space = ["", "A", "B", "C"][first >> 6] ?? "";
  const tier = (first & 0x20) === 0 ? "L" : "H";
  const compatibility = reverseBits(data.getUint32(hvcC.start + 2)).toString(16);
  const constraints = Array.from({ length: 6 }, (_, at) => data.getUint8(hvcC.start + 6 + at));
  while (constraints.at(-1) === 0) constraints.pop();
  const level = data.getUint8(hvcC.start + 12);
  return [
    "hvc1",
    `${space}${first & 0x1f}`,
    compatibility.toUpperCase(),
    `${tier}${level}`,
    ...constraints.map((byte) => byte.toString(16).toUpperCase()),
  ].join(".");
}

/** AV1: profile, level and tier, bit depth (AV1 in ISOBMFF, section 5). */
export function av1Codec(data: DataView, av1C: Box): string {
  const profileAndLevel = data.getUint8(av1C.start + 1);
  const flags = data.getUint8(av1C.start + 2);
  const profile = profileAndLevel >> 5;
  const level = String(profileAndLevel & 0x1f).padStart(2, "0");
  const tier = (flags & 0x80) === 0 ? "M" : "H";
  const isHigh = (flags & 0x40) !== 0;
  const isTwelve = (flags & 0x20) !== 0;
  const depth = !isHigh ? "08" : profile === 2 && isTwelve ? "12" : "10";
  return `av01.${profile}.${level}${tier}.${depth}`;
}

/** VP9: profile, level, bit depth (VP Codec ISO Media File Format Binding, section "Codecs Parameter String"). */
export function vp9Codec(data: DataView, vpcC: Box): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const [profile, level] = [data.getUint8(vpcC.start + 4), data.getUint8(vpcC.start + 5)];
  return `vp09.${two(profile)}.${two(level)}.${two(data.getUint8(vpcC.start + 6) >> 4)}`;
}

/** MPEG-4 audio: the object type of the stream and that of its configuration (ISO/IEC 14496-1 section 7.2.6). */
export function mp4aCodec(data: DataView, esds: Box): string {
  const config = decoderConfig(data, esds);
  if (config === null) return "mp4a.40.2";
  const objectType = data.getUint8(config.start).toString(16);
  const specific = audioSpecificConfig(data, config);
  if (specific === null) return `mp4a.${objectType}`;
  const short = specific >> 11;
  return `mp4a.${objectType}.${short === 31 ? 32 + ((specific >> 5) & 0x3f) : short}`;
}

/** By channelConfiguration (ISO/IEC 14496-3 table 1.19); what it leaves open is 0. */
const channelsOf = [0, 1, 2, 3, 4, 5, 6, 8];

/**
 * Channels of MPEG-4 audio, from its configuration: sample entries of MP4 say 2 of every number (ISO/IEC 14496-14 section
 * 5.6), and so does ffmpeg. Null where the configuration does not tell.
 */
export function mp4aChannels(data: DataView, esds: Box): number | null {
  const config = decoderConfig(data, esds);
  const specific = config === null ? null : audioSpecificConfig(data, config);
  // Longer object types and frequencies of their own have it elsewhere; AAC has neither.
  if (specific === null || specific >> 11 === 31 || ((specific >> 7) & 0xf) === 15) return null;
  return channelsOf[(specific >> 3) & 0xf] || null;
}

interface Descriptor {
  readonly start: number;
  readonly end: number;
}

function decoderConfig(data: DataView, esds: Box): Descriptor | null {
  const stream = descriptor(data, esds.start + 4, esds.end, 0x03);
  if (stream === null) return null;
  const flags = data.getUint8(stream.start + 2);
  let at = stream.start + 3;
  if ((flags & 0x80) !== 0) at += 2;
  if ((flags & 0x40) !== 0) at += 1 + data.getUint8(at);
  if ((flags & 0x20) !== 0) at += 2;
  return descriptor(data, at, stream.end, 0x04);
}

/** Its first 16 bits: object type (5), frequency index (4), channel configuration (4), and what follows. */
function audioSpecificConfig(data: DataView, config: Descriptor): number | null {
  const specific = descriptor(data, config.start + 13, config.end, 0x05);
  if (specific === null || specific.end - specific.start < 2) return null;
  return data.getUint16(specific.start);
}

/** A descriptor of this tag that begins here; its length has seven bits a byte. */
function descriptor(data: DataView, start: number, end: number, tag: number): Descriptor | null {
  if (start >= end || data.getUint8(start) !== tag) return null;
  let length = 0;
  let at = start + 1;
  for (let n = 0; n < 4 && at < end; n++) {
    const byte = data.getUint8(at);
    at += 1;
    length = (length << 7) | (byte & 0x7f);
    if ((byte & 0x80) === 0) break;
  }
  return { start: at, end: Math.min(end, at + length) };
}

function reverseBits(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = (reversed << 1) | ((value >>> bit) & 1);
  return reversed >>> 0;
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, "0");
}
