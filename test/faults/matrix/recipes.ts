/** Recipes, each with what it makes of a source that has these facts. */
import type { OutputFormat } from "../../../protocol/media.ts";
import type { SourceFacts } from "./sources.ts";

/** What the file must be; null is not compared. */
export interface Expected {
  readonly video: {
    /** Null is as the source has it. */
    readonly codec: string | null;
    readonly width: number;
    readonly height: number;
  } | null;
  readonly frames: number | null;
  readonly seconds: number | null;
  readonly audio: { readonly codec: string; readonly channels: readonly number[] } | null;
  readonly subtitles: number;
  readonly chapters: number;
}

/** How a cell ends: a file, or a typed refusal before anything is encoded. */
export type Cell =
  | { readonly status: "made"; readonly file: Expected }
  | { readonly status: "rejected" };

export interface RecipeRow {
  readonly name: string;
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly format: OutputFormat;
  /** The source stands that often among the inputs. */
  readonly inputs?: number;
  readonly expect: (source: SourceFacts) => Cell;
}

interface Kind {
  readonly codec: string;
  /** Null copies. */
  readonly audio: "aac" | "opus" | "mp3" | null;
  readonly size?: (shown: Size) => Size;
  /** Sides below this, or above `MOST`, are no picture for that encoder. */
  readonly least?: number;
  readonly isPart?: boolean;
  readonly frames?: (source: SourceFacts) => number | null;
  readonly needsPictures?: boolean;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const MOST = 8192;
const even = (value: number) => Math.max(2, Math.floor(value / 2) * 2);
const whole = ({ width, height }: Size): Size => ({ width: even(width), height: even(height) });
const rejected: Cell = { status: "rejected" };

/** Channels as they leave: at most stereo for MP3. */
function channelsOf({ channels }: SourceFacts, most: number): readonly number[] {
  return channels.map((count) => Math.min(count, most));
}

function isPicturable({ shown }: SourceFacts, least: number): boolean {
  return (
    shown === null ||
    (Math.min(shown.width, shown.height) >= least && Math.max(shown.width, shown.height) <= MOST)
  );
}

/** A recipe that makes a video of all of the source. */
function video(kind: Kind): (source: SourceFacts) => Cell {
  return (source) => {
    const { shown } = source;
    if (shown === null && kind.needsPictures !== false) return rejected;
    if (!isPicturable(source, kind.least ?? 2)) return rejected;
    const size = shown === null ? null : (kind.size ?? whole)(shown);
    return {
      status: "made",
      file: {
        video: size === null ? null : { codec: kind.codec, ...size },
        frames: kind.frames === undefined ? source.frames : kind.frames(source),
        seconds: source.seconds,
        audio:
          source.channels.length === 0
            ? null
            : { codec: kind.audio ?? "", channels: channelsOf(source, 6) },
        subtitles: kind.isPart ? 0 : (source.subtitles ?? 0),
        chapters: source.chapters ?? 0,
      },
    };
  };
}

const fast = { preset: "ultrafast" } as const;
const still =
  (codec: string, size: (shown: Size) => Size) =>
  (source: SourceFacts): Cell => {
    const { shown } = source;
    if (shown === null || !isPicturable(source, 1)) return rejected;
    return {
      status: "made",
      file: {
        ...{ video: { codec, ...size(shown) }, frames: 1, seconds: null, audio: null },
        ...{ subtitles: 0, chapters: 0 },
      },
    };
  };

/** A gif lasts at most so long. */
const GIF_SECONDS = 120;

export const recipeRows: readonly RecipeRow[] = [
  {
    name: "webReady",
    recipe: { name: "webReady" },
    format: "mp4",
    expect: video({ codec: "h264", audio: "aac", needsPictures: false }),
  },
  {
    name: "transcode to H.264",
    recipe: { name: "transcode", ...fast },
    format: "mp4",
    expect: video({ codec: "h264", audio: "aac" }),
  },
  {
    name: "transcode to HEVC in mov",
    recipe: { name: "transcode", codec: "hevc", ...fast },
    format: "mov",
    expect: video({ codec: "hevc", audio: "aac", least: 16 }),
  },
  {
    name: "transcode to AV1",
    recipe: { name: "transcode", codec: "av1", ...fast },
    format: "mp4",
    expect: video({ codec: "av1", audio: "aac", least: 64 }),
  },
  {
    name: "transcode to VP9 in webm",
    recipe: { name: "transcode", codec: "vp9", ...fast },
    format: "webm",
    expect: video({ codec: "vp9", audio: "opus" }),
  },
  {
    name: "compress",
    recipe: { name: "compress", crf: 40 },
    format: "mp4",
    expect: video({ codec: "h264", audio: "aac" }),
  },
  {
    name: "compress to a size",
    recipe: { name: "compress", targetSizeMb: 0.3 },
    format: "mp4",
    expect: (source) =>
      source.seconds > 3600 ? rejected : video({ codec: "h264", audio: "aac" })(source),
  },
  {
    name: "proxy",
    recipe: { name: "proxy", height: 36, gop: "all_intra" },
    format: "mov",
    expect: video({
      codec: "h264",
      audio: "aac",
      size: (shown) => fitHeight(shown, 36),
    }),
  },
  {
    name: "resize to cover a square",
    recipe: { name: "resize", width: 64, height: 64, fit: "cover" },
    format: "mp4",
    expect: video({ codec: "h264", audio: "aac", size: () => ({ width: 64, height: 64 }) }),
  },
  {
    name: "trim, to the frame",
    recipe: { name: "trim", startSeconds: 0, durationSeconds: 3600 },
    format: "mp4",
    expect: (source) => {
      const made = video({
        ...{ codec: "h264", audio: "aac", needsPictures: false, isPart: true },
        frames: ({ frames, seconds }) => (seconds > 3600 ? 360 : frames),
      })(source);
      if (made.status === "rejected") return made;
      return { ...made, file: { ...made.file, seconds: Math.min(3600, source.seconds) } };
    },
  },
  {
    name: "extractAudio to mp3",
    recipe: { name: "extractAudio" },
    format: "mp3",
    expect: sound("mp3", 2),
  },
  {
    name: "extractAudio to wav",
    recipe: { name: "extractAudio" },
    format: "wav",
    expect: sound("pcm_s16le", 6),
  },
  {
    name: "thumbnail to png",
    recipe: { name: "thumbnail" },
    format: "png",
    expect: still("png", (shown) => shown),
  },
  {
    name: "thumbnail to jpg",
    recipe: { name: "thumbnail", width: 40, height: 40 },
    format: "jpg",
    expect: still("mjpeg", (shown) => {
      const factor = Math.min(40 / shown.width, 40 / shown.height);
      const side = (value: number) => Math.max(1, Math.round(value * factor));
      return { width: side(shown.width), height: side(shown.height) };
    }),
  },
  {
    name: "concat with itself",
    recipe: { name: "concat" },
    format: "mp4",
    inputs: 2,
    expect: (source) => {
      const made = video({ codec: "h264", audio: "aac", needsPictures: false, isPart: true })(
        source,
      );
      if (made.status === "rejected") return made;
      const { file } = made;
      const seconds = source.seconds * 2;
      // Inputs that agree are joined as they are.
      const joined = file.video === null ? null : { ...file.video, codec: null };
      return { ...made, file: { ...file, video: joined, seconds, frames: null, chapters: 0 } };
    },
  },
  {
    name: "hls",
    recipe: { name: "hls", ...fast },
    format: "hls",
    expect: (source) => video({ codec: "h264", audio: "aac", needsPictures: false })(source),
  },
  {
    name: "storyboard",
    recipe: { name: "storyboard", intervalSeconds: 60, width: 64 },
    format: "jpg",
    expect: (source) => {
      const cell = still("mjpeg", (shown) => shown)(source);
      if (cell.status === "rejected") return cell;
      return { ...cell, file: { ...cell.file, video: null, frames: null } };
    },
  },
  {
    name: "gif",
    recipe: { name: "gif", width: 48, fps: 10 },
    format: "gif",
    expect: (source) => {
      if (source.seconds > GIF_SECONDS) return rejected;
      const { shown } = source;
      const cell = still("gif", (size) => ({
        width: 48,
        height: Math.max(1, Math.round((size.height * 48) / size.width)),
      }))(source);
      if (cell.status === "rejected" || shown === null) return cell;
      return {
        ...cell,
        file: { ...cell.file, frames: null, seconds: source.pictureSeconds ?? source.seconds },
      };
    },
  },
];

/** As high as asked, never higher than it was. */
function fitHeight(shown: Size, height: number): Size {
  if (shown.height <= height) return whole(shown);
  const width = Math.max(2, Math.round((shown.width * height) / shown.height / 2) * 2);
  return { width, height };
}

function sound(codec: string, most: number): (source: SourceFacts) => Cell {
  return (source) => {
    const [channels] = channelsOf(source, most);
    if (channels === undefined) return rejected;
    return {
      status: "made",
      file: {
        ...{ video: null, frames: null, seconds: source.soundSeconds ?? source.seconds },
        audio: { codec, channels: [channels] },
        ...{ subtitles: 0, chapters: 0 },
      },
    };
  };
}
