/** HLS playlists (RFC 8216 and its second edition). */
import {
  type AudioPart,
  cuesFile,
  headFile,
  keyPlaylistFile,
  mediaFile,
  type Presentation,
  playlistFile,
  type SubtitlePart,
  segmentFile,
  type VideoPart,
} from "./presentation.ts";
import { averageRate, frameRateOf, keyPictureRates, peakRate, secondsOf } from "./segments.ts";

/** Fragmented MP4 with `EXT-X-MAP` in any playlist is of version 7 (RFC 8216 section 7; Apple's authoring guide). */
const VERSION = "#EXT-X-VERSION:7";

const ended = (lines: readonly string[]) => `${["#EXTM3U", ...lines].join("\n")}\n`;

/** The playlist that names all others. */
export function masterPlaylist(presentation: Presentation): string {
  const { video, audio, subtitles } = presentation;
  const variants =
    video.length > 0
      ? video.map((part) => videoVariant(presentation, part))
      : audio.map((part) => audioVariant(presentation, part));
  return ended([
    VERSION,
    "#EXT-X-INDEPENDENT-SEGMENTS",
    ...(video.length > 0 ? audio.map(audioMedia) : []),
    ...subtitles.map(subtitleMedia),
    ...variants,
    ...video.map((part) => keyPictures(part)),
  ]);
}

function attributes(tag: string, given: Readonly<Record<string, string | number | null>>): string {
  const list = Object.entries(given).flatMap(([name, value]) =>
    value === null ? [] : `${name}=${value}`,
  );
  return `#${tag}:${list.join(",")}`;
}

/** Quoted strings hold no quotes and no line breaks (RFC 8216 section 4.2). */
const quoted = (text: string) => `"${text.replace(/["\r\n]/g, " ")}"`;

function audioMedia({ name, language, label, rendition }: AudioPart, at: number): string {
  return attributes("EXT-X-MEDIA", {
    TYPE: "AUDIO",
    "GROUP-ID": quoted("audio"),
    NAME: quoted(label),
    LANGUAGE: language === null ? null : quoted(language),
    DEFAULT: at === 0 ? "YES" : "NO",
    AUTOSELECT: "YES",
    CHANNELS: quoted(String(rendition.head.channels)),
    URI: quoted(playlistFile(name)),
  });
}

function subtitleMedia({ name, language, label }: SubtitlePart): string {
  return attributes("EXT-X-MEDIA", {
    TYPE: "SUBTITLES",
    "GROUP-ID": quoted("subtitles"),
    NAME: quoted(label),
    LANGUAGE: language === null ? null : quoted(language),
    DEFAULT: "NO",
    AUTOSELECT: "YES",
    FORCED: "NO",
    URI: quoted(playlistFile(name)),
  });
}

/** A variant may be played with any of the audio renditions: the heaviest counts. */
function videoVariant(presentation: Presentation, part: VideoPart): string {
  const { name, rendition } = part;
  const { audio, subtitles, target } = presentation;
  const { head } = rendition;
  const most = (rates: readonly number[]) => Math.max(0, ...rates);
  const peak = peakOf(part, target) + most(audio.map((one) => peakRate(one.rendition, target)));
  const average = averageRate(rendition) + most(audio.map((one) => averageRate(one.rendition)));
  const codecs = [head.codec, ...new Set(audio.map((one) => one.rendition.head.codec))];
  const info = attributes("EXT-X-STREAM-INF", {
    BANDWIDTH: peak,
    "AVERAGE-BANDWIDTH": average,
    CODECS: quoted(codecs.join(",")),
    RESOLUTION: `${head.width}x${head.height}`,
    "FRAME-RATE": frameRateOf(rendition).toFixed(3),
    "VIDEO-RANGE": head.videoRange,
    AUDIO: audio.length > 0 ? quoted("audio") : null,
    SUBTITLES: subtitles.length > 0 ? quoted("subtitles") : null,
    "CLOSED-CAPTIONS": "NONE",
  });
  return `${info}\n${playlistFile(name)}`;
}

function peakOf({ rendition, peakRate: declared }: VideoPart, target: number): number {
  return Math.max(peakRate(rendition, target), declared ?? 0);
}

function audioVariant({ subtitles, target }: Presentation, { name, rendition }: AudioPart): string {
  const info = attributes("EXT-X-STREAM-INF", {
    BANDWIDTH: peakRate(rendition, target),
    "AVERAGE-BANDWIDTH": averageRate(rendition),
    CODECS: quoted(rendition.head.codec),
    SUBTITLES: subtitles.length > 0 ? quoted("subtitles") : null,
  });
  return `${info}\n${playlistFile(name)}`;
}

function keyPictures({ name, rendition }: VideoPart): string {
  const { head } = rendition;
  const { peak, average } = keyPictureRates(rendition);
  return attributes("EXT-X-I-FRAME-STREAM-INF", {
    BANDWIDTH: peak,
    "AVERAGE-BANDWIDTH": average,
    CODECS: quoted(head.codec),
    RESOLUTION: `${head.width}x${head.height}`,
    "VIDEO-RANGE": head.videoRange,
    URI: quoted(keyPlaylistFile(name)),
  });
}

const range = ({ offset, size }: { readonly offset: number; readonly size: number }) =>
  `${size}@${offset}`;

function mapLine({ name, rendition }: VideoPart, layout: Presentation["layout"]): string {
  return layout === "segments"
    ? `#EXT-X-MAP:URI="${headFile(name)}"`
    : `#EXT-X-MAP:URI="${rendition.headFile ?? mediaFile(name)}",BYTERANGE="${rendition.headSize}@0"`;
}

/** A playlist that is not complete is one to which segments are added (RFC 8216 section 4.3.3.5). */
function typeLine({ state }: Presentation): string {
  return `#EXT-X-PLAYLIST-TYPE:${state === undefined ? "VOD" : "EVENT"}`;
}

function endLine({ state }: Presentation): readonly string[] {
  return state === "growing" ? [] : ["#EXT-X-ENDLIST"];
}

/** The playlist of one rendition. */
export function mediaPlaylist(presentation: Presentation, part: VideoPart): string {
  const { layout, target } = presentation;
  const { name, rendition } = part;
  const segments = rendition.segments.flatMap((segment, at) => {
    const length = `#EXTINF:${secondsOf(rendition, segment).toFixed(6)},`;
    return layout === "segments"
      ? [length, segmentFile(name, at + 1)]
      : [length, `#EXT-X-BYTERANGE:${range(segment)}`, segment.file ?? mediaFile(name)];
  });
  return ended([
    VERSION,
    `#EXT-X-TARGETDURATION:${target}`,
    "#EXT-X-MEDIA-SEQUENCE:0",
    typeLine(presentation),
    "#EXT-X-INDEPENDENT-SEGMENTS",
    mapLine(part, layout),
    ...segments,
    ...endLine(presentation),
  ]);
}

/** The playlist of one rendition's key pictures. In files of one segment, they are found in these. */
export function keyPicturePlaylist(presentation: Presentation, part: VideoPart): string {
  const { layout } = presentation;
  const { name, rendition } = part;
  const lengths = rendition.keyPictures.map((picture) => secondsOf(rendition, picture));
  const pictures = rendition.keyPictures.flatMap((picture, at) => {
    const number = rendition.segments.findLastIndex(({ offset }) => offset <= picture.offset);
    const base = rendition.segments[number]?.offset ?? 0;
    const place =
      layout === "segments"
        ? [range({ ...picture, offset: picture.offset - base }), segmentFile(name, number + 1)]
        : [range(picture), picture.file ?? mediaFile(name)];
    return [`#EXTINF:${(lengths[at] ?? 0).toFixed(6)},`, `#EXT-X-BYTERANGE:${place[0]}`, place[1]];
  });
  return ended([
    VERSION,
    `#EXT-X-TARGETDURATION:${keyTarget(presentation, lengths)}`,
    "#EXT-X-MEDIA-SEQUENCE:0",
    typeLine(presentation),
    "#EXT-X-I-FRAMES-ONLY",
    mapLine(part, layout),
    ...pictures.flatMap((line) => line ?? []),
    ...endLine(presentation),
  ]);
}

/** A playlist that grows may not change its target; no key picture lasts longer than a segment. */
function keyTarget({ state, target }: Presentation, lengths: readonly number[]): number {
  return state === undefined
    ? Math.max(1, ...lengths.map((seconds) => Math.round(seconds)))
    : target;
}

/** The playlist of a track of cues, which is one file. */
export function subtitlePlaylist({ duration }: Presentation, { name }: SubtitlePart): string {
  return ended([
    VERSION,
    `#EXT-X-TARGETDURATION:${Math.max(1, Math.ceil(duration))}`,
    "#EXT-X-MEDIA-SEQUENCE:0",
    "#EXT-X-PLAYLIST-TYPE:VOD",
    `#EXTINF:${duration.toFixed(6)},`,
    cuesFile(name),
    "#EXT-X-ENDLIST",
  ]);
}
