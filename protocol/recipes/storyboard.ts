import { z } from "zod";
import { companionStem } from "../formats.ts";
import type { SourceInfo, VideoStreamInfo } from "../media.ts";
import type { FfmpegStep, PlanResult, PromisedOutput } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { keptGraph } from "./parts/changing-size.ts";
import { refuseHdr } from "./parts/color.ts";
import { type Framing, framing, type Size } from "./parts/geometry.ts";
import { width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { lengthOf } from "./parts/span.ts";
import { secondsText } from "./parts/timing.ts";
import { stillFilters } from "./parts/video-filters.ts";

/** Rows of a sheet: with the default columns and width, a sheet has about 1600 by 900 pixels. */
const ROWS = 10;
/** JPEG ends at 65,535 a side; what decoders of phones take ends far sooner. */
const MAX_SHEET_PIXELS = 8192 * 8192;
const MAX_SHEETS = 200;

const params = z.strictObject({
  intervalSeconds: z
    .number()
    .min(0.1)
    .max(3600)
    .default(5)
    .describe("Time from one picture to the next, in seconds."),
  columns: z.number().int().min(1).max(50).default(10).describe("Pictures in a row of a sheet."),
  width: width.max(1920).default(160).describe("Width of one picture in pixels, 16 to 1920."),
});
type Params = z.infer<typeof params>;

/** Makes sheets of small pictures and the WebVTT track that says when each is shown, for seek bars. */
export const storyboard = defineRecipe({
  name: "storyboard",
  summary: "Makes sheets of small pictures and a WebVTT track of them, for seek bars.",
  params,
  formats: ["jpg"],
  inputs: { min: 1, max: 1 },
  plan,
});

/** How the pictures lie on their sheets. */
interface Board {
  readonly intervalSeconds: number;
  /** Of the source. */
  readonly seconds: number;
  readonly columns: number;
  readonly rows: number;
  /** Of one picture. */
  readonly size: Size;
  readonly pictures: number;
}

function plan(context: PlanContext<Params>): PlanResult {
  const { source, sourceKey, output, params: asked } = context;
  const { video } = source;
  if (video === null) return unsupported("storyboard needs a video stream; the source has none.");
  const seconds = secondsOf(source);
  if (seconds === null) {
    return unsupported("storyboard needs a source that says how long it is; this one does not.");
  }
  const refusal = refuseHdr(video);
  if (refusal !== null) return refusal;
  const box = { width: asked.width };
  const framed = framing(video, { box, fit: "contain", enlarge: true, grid: 2 });
  if ("status" in framed) return framed;
  // Scaled, never cut: the small difference in shape shows on no picture of this size.
  const { size } = framed;
  const board = boardOf(asked, seconds, size);
  const sheets = sheetsOf(board);
  if (sheets > MAX_SHEETS) {
    return unsupported(
      `intervalSeconds ${secondsText(asked.intervalSeconds)} would make ${board.pictures} pictures on ${sheets} sheets; at most ${MAX_SHEETS} sheets are made.`,
    );
  }
  const stem = companionStem(output.file);
  const cues = `${stem}.vtt`;
  return {
    status: "planned",
    action: "encode",
    steps: [
      drawing(
        { from: { source: sourceKey }, options: keptGraph(source) },
        video,
        { scale: size, crop: null, size },
        board,
        `${stem}-%d.jpg`,
      ),
      {
        kind: "write",
        stage: "merging",
        file: cues,
        text: cuesOf(board, (sheet) => (sheet === 1 ? output.file : `${stem}-${sheet}.jpg`)),
      },
    ],
    outputs: [...promisedSheets(board, output.key, stem), promisedCues(board, output.key, cues)],
  };
}

/** A single picture has no length, and one cue all the same. */
function secondsOf(source: SourceInfo): number | null {
  const length = lengthOf(source)?.seconds ?? null;
  return length === null && source.video?.frames === 1 ? 0.04 : length;
}

function boardOf({ intervalSeconds, columns }: Params, seconds: number, size: Size): Board {
  const pictures = Math.max(1, Math.ceil(seconds / intervalSeconds - 1e-6));
  const across = Math.min(columns, pictures);
  const fitting = Math.max(1, Math.floor(MAX_SHEET_PIXELS / (across * size.width * size.height)));
  const rows = Math.min(ROWS, fitting, Math.ceil(pictures / across));
  return { intervalSeconds, seconds, columns: across, rows, size, pictures };
}

function sheetsOf({ pictures, columns, rows }: Board): number {
  return Math.ceil(pictures / (columns * rows));
}

/**
 * Picture n is the one that is shown at n intervals. The last is repeated for as long as the container promised
 * more, so that there are as many as there are cues.
 */
function drawing(
  input: FfmpegStep["inputs"][number],
  video: VideoStreamInfo,
  framed: Framing,
  board: Board,
  file: string,
): FfmpegStep {
  const { intervalSeconds, columns, rows, pictures } = board;
  const chain = [
    `fps=fps=1/${secondsText(intervalSeconds)}:round=up:start_time=0`,
    ...stillFilters(video, framed, "jpg"),
    "tpad=stop=-1:stop_mode=clone",
    `trim=end_frame=${pictures}`,
    `tile=layout=${columns}x${rows}`,
  ];
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [input],
    filterComplex: `[0:${video.index}]${chain.join(",")}[sheets]`,
    outputs: [
      {
        file,
        muxer: "image2",
        options: [
          ...["-map", "[sheets]", "-fps_mode:v", "passthrough"],
          ...["-c:v", "mjpeg", "-q:v", "4", "-map_metadata", "-1"],
        ],
      },
    ],
    // Of sheets, which are few: no measure of how far it is.
    expectedFrames: null,
    expectedSeconds: null,
    encoder: null,
  };
}

function promisedSheets(board: Board, key: string, stem: string): PromisedOutput[] {
  const { columns, rows, size } = board;
  const sheet = { width: columns * size.width, height: rows * size.height };
  return Array.from({ length: sheetsOf(board) }, (_, at) => ({
    key,
    file: `${stem}-${at + 1}.jpg`,
    format: "jpg",
    ...(at === 0 ? {} : { role: "companion" as const }),
    video: { codec: "mjpeg", ...sheet, frames: 1 },
    audio: null,
    durationSeconds: null,
    durationToleranceSeconds: 0,
  }));
}

function promisedCues({ seconds }: Board, key: string, file: string): PromisedOutput {
  return {
    key,
    file,
    format: "vtt",
    role: "companion",
    video: null,
    audio: null,
    durationSeconds: seconds,
    durationToleranceSeconds: 0,
  };
}

/** A cue per picture: which sheet, and where on it (W3C Media Fragments 1.0, section 4.2.2). */
function cuesOf(board: Board, sheetName: (sheet: number) => string): string {
  const { intervalSeconds, seconds, columns, rows, size, pictures } = board;
  const cues = Array.from({ length: pictures }, (_, n) => {
    const place = n % (columns * rows);
    const sheet = Math.floor(n / (columns * rows)) + 1;
    const x = (place % columns) * size.width;
    const y = Math.floor(place / columns) * size.height;
    const from = n * intervalSeconds;
    const to = Math.max(Math.min(from + intervalSeconds, seconds), from + 0.001);
    const area = [x, y, size.width, size.height].join(",");
    return `${clock(from)} --> ${clock(to)}\n${sheetName(sheet)}#xywh=${area}\n`;
  });
  return `WEBVTT\n\n${cues.join("\n")}`;
}

/** `00:01:05.250`. */
function clock(seconds: number): string {
  const ms = Math.round(seconds * 1000);
  const part = (value: number, digits: number) => String(value).padStart(digits, "0");
  const hours = part(Math.floor(ms / 3_600_000), 2);
  const minutes = part(Math.floor(ms / 60_000) % 60, 2);
  return `${hours}:${minutes}:${part(Math.floor(ms / 1000) % 60, 2)}.${part(ms % 1000, 3)}`;
}
