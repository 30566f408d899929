/** Sources as people have them, each with what is true of it. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Bench } from "../../worker-node/recipes/support.ts";

/** What a cell of the matrix is judged by; told by who made the source, not by a probe. */
export interface SourceFacts {
  /** As a player shows it, upright and with square pixels; null without pictures. */
  readonly shown: { readonly width: number; readonly height: number } | null;
  readonly seconds: number;
  /** Where pictures, or the first track of sound, end before the whole. */
  readonly pictureSeconds?: number;
  readonly soundSeconds?: number;
  /** Presented pictures; null where a recipe may rightly make another number of them. */
  readonly frames: number | null;
  /** Channels of each track of sound. */
  readonly channels: readonly number[];
  readonly languages?: readonly string[];
  /** Tracks of text. */
  readonly subtitles?: number;
  readonly chapters?: number;
  /** Which corner of the picture as it is shown is red; the others are blue. */
  readonly redCorner?: "top left" | "top right" | "bottom left" | "bottom right";
}

export interface SourceRow extends SourceFacts {
  readonly name: string;
  readonly make: (bench: Bench) => string;
}

const lavfi = (filter: string) => ["-f", "lavfi", "-i", filter];
const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
const X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"];
const AAC = ["-c:a", "aac"];
const PICTURE = lavfi("testsrc2=s=160x90:r=25:d=1");
const SOUND = lavfi("sine=f=440:d=1");
const plain = { shown: { width: 160, height: 90 }, seconds: 1, frames: 25, channels: [1] } as const;

/** Blue, with its upper left quarter red. */
const CORNER = lavfi("color=blue:s=160x90:r=25:d=1,drawbox=w=80:h=45:c=red:t=fill");

/** Rows of a display matrix: where a step to the right and a step down go. */
type Turn = readonly [a: number, b: number, c: number, d: number];

/**
 * Writes the matrix into the track's header (ISO 14496-12, 8.3.2): ffmpeg before 6 has no option for mirrors.
 *
 * @throws Error when the file has no such header.
 */
function turn(file: string, [a, b, c, d]: Turn): string {
  const bytes = readFileSync(file);
  const at = bytes.indexOf("tkhd");
  if (at < 0) throw new Error(`${file} has no track header`);
  // Version 0: flags 4, times and ids 20, reserved 8, layer to volume 8, then nine numbers.
  const matrix = at + 4 + 4 + 20 + 8 + 8;
  [a, b, 0, c, d, 0].forEach((value, index) => {
    bytes.writeInt32BE(index % 3 === 2 ? 0 : value * 65_536, matrix + index * 4);
  });
  writeFileSync(file, bytes);
  return file;
}

function turned(name: string, matrix: Turn, upright: boolean, red: SourceFacts["redCorner"]) {
  const shown = upright ? { width: 160, height: 90 } : { width: 90, height: 160 };
  return {
    ...plain,
    name,
    shown,
    ...(red === undefined ? {} : { redCorner: red }),
    make: (bench: Bench) =>
      turn(
        bench.make(`${name.replaceAll(" ", "-")}.mp4`, ...CORNER, ...SOUND, ...X264, ...AAC),
        matrix,
      ),
  };
}

const HDR = ["-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"];

function cues(bench: Bench): string {
  const path = `${bench.dir}/cues.srt`;
  writeFileSync(
    path,
    "1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\nBye\n",
  );
  return path;
}

function chapters(bench: Bench): string {
  const path = `${bench.dir}/chapters.ini`;
  const one = (start: number, end: number, title: string) =>
    `[CHAPTER]\nTIMEBASE=1/1000\nSTART=${start}\nEND=${end}\ntitle=${title}\n`;
  writeFileSync(path, `;FFMETADATA1\n${one(0, 500, "Opening")}${one(500, 1000, "Ending")}`);
  return path;
}

export const sources: readonly SourceRow[] = [
  {
    ...plain,
    name: "plain",
    make: (b) => b.make("plain.mp4", ...PICTURE, ...SOUND, ...X264, ...AAC),
  },
  turned("turned by 90", [0, 1, -1, 0], false, "top right"),
  turned("turned by 180", [-1, 0, 0, -1], true, "bottom right"),
  turned("turned by 270", [0, -1, 1, 0], false, "bottom left"),
  turned("mirrored", [-1, 0, 0, 1], true, "top right"),
  turned("upside down", [1, 0, 0, -1], true, "bottom left"),
  turned("mirrored and turned", [0, 1, 1, 0], false, "top left"),
  turned("mirrored and turned back", [0, -1, -1, 0], false, "bottom right"),
  {
    ...plain,
    name: "odd size",
    shown: { width: 161, height: 91 },
    make: (b) =>
      b.make(
        "odd.mkv",
        ...lavfi("testsrc2=s=200x100:r=25:d=1,format=yuv444p,crop=161:91"),
        ...[...SOUND, "-c:v", "ffv1", ...AAC],
      ),
  },
  {
    ...plain,
    name: "anamorphic",
    shown: { width: 213, height: 90 },
    make: (b) => b.make("wide.mp4", ...PICTURE, ...SOUND, "-vf", "setsar=4/3", ...X264, ...AAC),
  },
  {
    ...plain,
    name: "variable rate",
    frames: null,
    make: (b) =>
      b.make(
        "uneven.mkv",
        ...[...PICTURE, ...SOUND, "-vf", "select='not(mod(n,3))+lt(n,8)+gte(n,24)'"],
        ...["-fps_mode", "passthrough", ...X264, ...AAC],
      ),
  },
  {
    ...plain,
    name: "interlaced",
    make: (b) =>
      b.make(
        "fields.mkv",
        ...[...lavfi("testsrc2=s=160x96:r=50:d=1"), ...SOUND, "-vf", "interlace"],
        ...["-flags", "+ildct+ilme", ...X264, ...AAC],
      ),
    shown: { width: 160, height: 96 },
  },
  {
    ...plain,
    name: "10 bits",
    make: (b) =>
      b.make("deep.mp4", ...PICTURE, ...SOUND, ...X265, "-pix_fmt", "yuv420p10le", ...AAC),
  },
  {
    ...plain,
    name: "HDR10",
    make: (b) =>
      b.make("pq.mp4", ...PICTURE, ...SOUND, ...X265, ...HDR, "-color_trc", "smpte2084", ...AAC),
  },
  {
    ...plain,
    name: "HLG",
    make: (b) =>
      b.make(
        "hlg.mkv",
        ...PICTURE,
        ...SOUND,
        ...X265,
        ...HDR,
        "-color_trc",
        "arib-std-b67",
        ...AAC,
      ),
  },
  {
    ...plain,
    name: "5.1",
    channels: [6],
    make: (b) =>
      b.make(
        "surround.mkv",
        ...[...PICTURE, ...lavfi("anoisesrc=a=0.1:d=1,aformat=channel_layouts=5.1(side)")],
        ...[...X264, "-c:a", "ac3"],
      ),
  },
  {
    ...plain,
    name: "two languages",
    channels: [1, 2],
    languages: ["eng", "deu"],
    make: (b) =>
      b.make(
        "languages.mp4",
        ...[...PICTURE, ...SOUND, ...lavfi("sine=f=880:d=1,aformat=channel_layouts=stereo")],
        ...["-map", "0", "-map", "1", "-map", "2", ...X264, ...AAC],
        ...["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"],
        ...["-metadata", "location=+52.5200+013.4050/", "-metadata", "title=Home"],
        ...["-movflags", "use_metadata_tags"],
      ),
  },
  {
    ...plain,
    name: "sound goes on",
    seconds: 3,
    pictureSeconds: 1,
    make: (b) => b.make("heard-on.mp4", ...PICTURE, ...lavfi("sine=f=440:d=3"), ...X264, ...AAC),
  },
  {
    ...plain,
    name: "pictures go on",
    seconds: 3,
    soundSeconds: 1,
    frames: 75,
    make: (b) =>
      b.make("seen-on.mp4", ...lavfi("testsrc2=s=160x90:r=25:d=3"), ...SOUND, ...X264, ...AAC),
  },
  {
    ...plain,
    name: "slides",
    seconds: 15,
    frames: 3,
    channels: [],
    make: (b) => b.make("slides.mp4", ...lavfi("testsrc2=s=160x90:r=1/5:d=15"), ...X264),
  },
  {
    ...plain,
    name: "a hole of frames",
    seconds: 4,
    frames: null,
    make: (b) =>
      b.make(
        "hole.mp4",
        ...[...lavfi("testsrc2=s=160x90:r=25:d=4"), ...lavfi("sine=f=440:d=4")],
        ...["-vf", "select='lt(t,1)+gte(t,3)'", "-fps_mode", "passthrough", ...X264, ...AAC],
      ),
  },
  {
    ...plain,
    name: "ProRes",
    make: (b) =>
      b.make("prores.mov", ...PICTURE, ...SOUND, "-c:v", "prores_ks", "-c:a", "pcm_s16be"),
  },
  {
    ...plain,
    name: "7.1",
    channels: [8],
    make: (b) =>
      b.make(
        "seven.mkv",
        ...[...PICTURE, ...lavfi("anoisesrc=a=0.1:d=1,aformat=channel_layouts=7.1")],
        ...[...X264, "-c:a", "pcm_s16be"],
      ),
  },
  {
    ...plain,
    name: "telephone sound",
    make: (b) =>
      b.make("phone.mov", ...PICTURE, ...SOUND, ...X264, "-c:a", "pcm_mulaw", "-ar", "16000"),
  },
  {
    ...plain,
    name: "no sound",
    channels: [],
    make: (b) => b.make("mute.mp4", ...PICTURE, ...X264),
  },
  {
    ...plain,
    name: "sound alone",
    shown: null,
    frames: null,
    make: (b) => b.make("sound.mp4", ...SOUND, ...AAC),
  },
  {
    ...plain,
    name: "cover art",
    make: (b) =>
      b.make(
        "art.mp4",
        ...["-i", b.make("art.png", ...lavfi("color=blue:s=64x64"), "-frames:v", "1")],
        ...[...PICTURE, ...SOUND, "-map", "0", "-map", "1", "-map", "2"],
        ...["-c:v:0", "png", "-disposition:v:0", "attached_pic", "-c:v:1", "libx264"],
        ...["-preset:v:1", "ultrafast", "-pix_fmt:v:1", "yuv420p", ...AAC],
      ),
  },
  {
    ...plain,
    name: "edit list",
    frames: null,
    seconds: 0.7,
    make: (b) =>
      b.make(
        "edited.mp4",
        ...["-ss", "0.3", "-i"],
        b.make("unedited.mp4", ...PICTURE, ...SOUND, ...X264, "-g", "50", ...AAC),
        ...["-c", "copy"],
      ),
  },
  {
    ...plain,
    name: "starts at ten",
    make: (b) =>
      b.make("late.mkv", ...PICTURE, ...SOUND, ...X264, ...AAC, "-output_ts_offset", "10"),
  },
  {
    ...plain,
    name: "one frame",
    seconds: 0.04,
    frames: 1,
    channels: [],
    make: (b) => b.make("one.mp4", ...lavfi("testsrc2=s=160x90:r=25:d=0.04"), ...X264),
  },
  {
    name: "two hours, a frame every ten seconds",
    shown: { width: 64, height: 36 },
    seconds: 7200,
    frames: 720,
    channels: [],
    make: (b) => b.make("long.mp4", ...lavfi("testsrc2=s=64x36:r=1/10:d=7200"), ...X264),
  },
  {
    ...plain,
    name: "2 by 2",
    shown: { width: 2, height: 2 },
    make: (b) =>
      b.make("tiny.mkv", ...lavfi("testsrc2=s=2x2:r=25:d=1"), ...SOUND, "-c:v", "ffv1", ...AAC),
  },
  {
    ...plain,
    name: "8192 wide",
    shown: { width: 8192, height: 64 },
    frames: 3,
    seconds: 0.12,
    channels: [],
    make: (b) => b.make("edge.mkv", ...lavfi("testsrc2=s=8192x64:r=25:d=0.12"), "-c:v", "ffv1"),
  },
  {
    ...plain,
    name: "too wide",
    shown: { width: 8208, height: 16 },
    channels: [],
    make: (b) => b.make("beyond.mkv", ...lavfi("testsrc2=s=8208x16:r=25:d=0.12"), "-c:v", "ffv1"),
  },
  {
    ...plain,
    name: "subtitles",
    subtitles: 1,
    make: (b) =>
      b.make(
        "cues.mkv",
        ...[...PICTURE, ...SOUND, "-i", cues(b), ...X264, ...AAC],
        ...["-c:s", "srt", "-metadata:s:s:0", "language=fra"],
      ),
  },
  {
    ...plain,
    name: "subtitles and chapters in mp4",
    subtitles: 1,
    chapters: 2,
    make: (b) =>
      b.make(
        "chapters.mp4",
        ...[...PICTURE, ...SOUND, "-i", cues(b), "-i", chapters(b), "-map_chapters", "3"],
        ...["-map", "0", "-map", "1", "-map", "2", ...X264, ...AAC, "-c:s", "mov_text"],
      ),
  },
];
