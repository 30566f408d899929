/** Colour: the tags that an output carries, and the way from HDR to SDR. */
import type { VideoStreamInfo } from "../../media.ts";
import type { Rejection } from "../../plan.ts";
import type { Size } from "./geometry.ts";
import { unsupportedFormat } from "./rejections.ts";

/** Null is unknown, and stays so. */
export interface ColorTags {
  readonly primaries: string | null;
  readonly transfer: string | null;
  readonly matrix: string | null;
  readonly range: "tv" | "pc";
}

const BT709: ColorTags = { primaries: "bt709", transfer: "bt709", matrix: "bt709", range: "tv" };
const BT601: ColorTags = {
  primaries: "smpte170m",
  transfer: "smpte170m",
  matrix: "smpte170m",
  range: "tv",
};

/** Names that ffmpeg's options take, by what ffprobe prints; others are left out. */
const primaries = new Set(
  "bt709 bt470m bt470bg smpte170m smpte240m film bt2020 smpte428 smpte431 smpte432".split(" "),
);
const transfers: ReadonlyMap<string, string> = new Map([
  ...(
    "bt709 smpte170m smpte240m linear iec61966-2-4 iec61966-2-1 bt1361e " +
    "bt2020-10 bt2020-12 smpte2084 smpte428 arib-std-b67"
  )
    .split(" ")
    .map((name) => [name, name] as const),
  // ffprobe names these two after their standard, the option after their gamma.
  ["bt470m", "gamma22"],
  ["bt470bg", "gamma28"],
]);
const matrices = new Set("bt709 fcc bt470bg smpte170m smpte240m ycgco bt2020nc bt2020c".split(" "));

/** Perceptual quantiser or hybrid log-gamma: shown without tone-mapping on an SDR screen, it looks grey. */
export function isHdr(video: VideoStreamInfo): boolean {
  return video.color.transfer === "smpte2084" || video.color.transfer === "arib-std-b67";
}

export function isRgb(video: VideoStreamInfo): boolean {
  return /^(gbr|rgb|bgr|argb|abgr|0rgb|0bgr|pal8|x2rgb|x2bgr)/.test(video.pixelFormat);
}

/** What players assume of an untagged picture of this size. */
function assumed(size: Size): ColorTags {
  return size.width >= 1280 || size.height >= 720 ? BT709 : BT601;
}

/** The matrix that the source's samples are in, assumed where it does not say. */
export function sourceMatrix(video: VideoStreamInfo): string {
  const { space } = video.color;
  return space !== null && matrices.has(space) ? space : (assumed(video).matrix ?? "bt709");
}

/**
 * The tags of an encode that keeps the source's colours. A tag that the source lacks stays unknown, unless scaling
 * would change what players assume in its place.
 */
export function carriedTags(video: VideoStreamInfo, size: Size): ColorTags {
  const { color } = video;
  if (isRgb(video)) return assumed(size);
  const before = assumed(video);
  const pinned = before.matrix === assumed(size).matrix ? null : before;
  const known = (name: string | null, names: { has(name: string): boolean }) =>
    name !== null && names.has(name) ? name : null;
  return {
    primaries: known(color.primaries, primaries) ?? pinned?.primaries ?? null,
    transfer: known(color.transfer, transfers) ?? pinned?.transfer ?? null,
    matrix: known(color.space, matrices) ?? pinned?.matrix ?? null,
    range: color.range ?? (video.pixelFormat.startsWith("yuvj") ? "pc" : "tv"),
  };
}

/** The tags of an encode that was tone-mapped. */
export const sdrTags = BT709;

export function tagOptions(tags: ColorTags): string[] {
  const transfer = tags.transfer === null ? undefined : transfers.get(tags.transfer);
  return [
    ...(tags.primaries === null ? [] : ["-color_primaries", tags.primaries]),
    ...(transfer === undefined ? [] : ["-color_trc", transfer]),
    ...(tags.matrix === null ? [] : ["-colorspace", tags.matrix]),
    "-color_range",
    tags.range,
  ];
}

/** Matrices from which zscale makes linear light; Dolby Vision's own (ictcp) is not among them. */
const toneMappable = new Set(["bt2020nc", "bt2020c", "bt709"]);

/** Why an HDR source cannot be shown in SDR, or null. */
export function refuseHdr(video: VideoStreamInfo): Rejection | null {
  const { space } = video.color;
  if (!isHdr(video) || space === null || toneMappable.has(space)) return null;
  return unsupportedFormat(
    `The source is HDR with the colour matrix '${space}', which cannot be tone-mapped.`,
  );
}

/** HDR to 8-bit BT.709. What the source is must be said: zscale refuses untagged frames. */
export function toneMapFilters(video: VideoStreamInfo): string[] {
  const { color } = video;
  const primary = color.primaries === "bt709" ? "bt709" : "bt2020";
  const from = [
    `tin=${color.transfer ?? "smpte2084"}`,
    `pin=${primary}`,
    // Out, too: of a source without the tag it would be unknown, to which no way leads.
    `p=${primary}`,
    `min=${color.space ?? "bt2020nc"}`,
    `rin=${color.range ?? "tv"}`,
  ].join(":");
  return [
    `zscale=${from}:t=linear:npl=100`,
    "format=gbrpf32le",
    "zscale=p=bt709",
    "tonemap=hable:desat=0",
    "zscale=t=bt709:m=bt709:r=tv",
  ];
}
