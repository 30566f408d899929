/**
 * Every recipe on every kind of source, by real ffmpeg, read back by ffprobe: a cell is right, or a typed refusal
 * before anything is encoded. `npm test` runs each source and each recipe once; `npm run test:faults` all cells.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Bench,
  openBench,
  type ProbedOutput,
  pixelsAt,
  probeOutput,
} from "../worker-node/recipes/support.ts";
import { requires } from "../worker-node/support/requires.ts";
import { type Expected, type RecipeRow, recipeRows } from "./matrix/recipes.ts";
import { type SourceRow, sources } from "./matrix/sources.ts";
import { isFullRun } from "./support/counts.ts";

/** Of a second: as near as the ends of sound and pictures lie. */
const SECONDS = 0.1;
const REFUSALS = ["UNSUPPORTED_FORMAT", "UNSUPPORTED_COMMAND"];

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const made = new Map<string, string>();
function fileOf(source: SourceRow): string {
  const file = made.get(source.name) ?? source.make(bench);
  made.set(source.name, file);
  return file;
}

/** All cells, or for each source the recipe at its place in turn. */
function cells(): readonly (readonly [string, string, RecipeRow, SourceRow])[] {
  const named = (recipe: RecipeRow, source: SourceRow) =>
    [recipe.name, source.name, recipe, source] as const;
  if (isFullRun) return recipeRows.flatMap((recipe) => sources.map((one) => named(recipe, one)));
  const count = Math.max(recipeRows.length, sources.length);
  return Array.from({ length: count }, (_, at) => {
    const recipe = recipeRows[at % recipeRows.length];
    const source = sources[at % sources.length];
    if (recipe === undefined || source === undefined) throw new RangeError("an empty table");
    return named(recipe, source);
  });
}

describe("the matrix", () => {
  test.for(cells())("%s of %s", async ([, , row, source], context) => {
    requires(context, bench.tools, "encoder", "libsvtav1");
    const file = fileOf(source);
    const expected = row.expect(source);
    if (expected.status === "rejected") {
      const plan = await bench.plan(file, row.recipe, row.format);
      expect(plan).toMatchObject({ status: "rejected", code: expect.toBeOneOf(REFUSALS) });
      return;
    }
    const run = await bench.run(
      Array.from({ length: row.inputs ?? 1 }, () => file),
      row.recipe,
      row.format,
    );
    if (row.format === "hls") return checkLadder(run, expected.file);
    check(run.output, expected.file, source, row);
    if (source.redCorner !== undefined && expected.file.video !== null) {
      expect(redCorner(run.file)).toBe(source.redCorner);
    }
  });
});

function check(output: ProbedOutput, expected: Expected, source: SourceRow, row: RecipeRow): void {
  const videos = output.streams.filter(({ codec_type }) => codec_type === "video");
  const audio = output.streams.filter(({ codec_type }) => codec_type === "audio");
  const text = output.streams.filter(({ codec_type }) => codec_type === "subtitle");
  if (expected.video !== null) {
    expect(videos).toHaveLength(1);
    const [video] = videos;
    if (expected.video.codec !== null) expect(video?.codec_name).toBe(expected.video.codec);
    const { width, height } = expected.video;
    // A copy may keep an odd size that an encode cannot.
    const whole = ["webReady", "concat"].includes(String(row.recipe.name)) ? [source.shown] : [];
    expect([{ width, height }, ...whole]).toContainEqual(shownSize(video));
    if (expected.frames !== null) expect(Number(video?.nb_read_frames)).toBe(expected.frames);
  }
  expect(audio.map(({ channels }) => channels)).toEqual(expected.audio?.channels ?? []);
  for (const track of row.recipe.name === "concat" ? [] : audio) {
    // Inputs that agree are joined with the codec they have.
    expect(track.codec_name).toBe(expected.audio?.codec);
  }
  if (source.languages !== undefined && audio.length === source.languages.length) {
    // Neither WAV nor a single track of several carries them.
    const words = row.format === "mov" ? source.languages.map(bibliographic) : source.languages;
    expect(audio.map(({ tags }) => tags?.language)).toEqual(words);
  }
  if (expected.seconds !== null) {
    expect(Math.abs(secondsOf(output) - expected.seconds)).toBeLessThanOrEqual(SECONDS);
  }
  expect(text).toHaveLength(expected.subtitles);
  expect(output.chapters).toHaveLength(expected.chapters);
  expect(JSON.stringify(output)).not.toMatch(/52\.52|"Home"/);
}

/** QuickTime has the older of the two codes that German has. */
const bibliographic = (language: string) => (language === "deu" ? "ger" : language);

type Picture = ProbedOutput["streams"][number] | undefined;

/** A copied picture may keep its matrix and its pixels: then a player does the rest. */
function shownSize(video: Picture): { width: number; height: number } {
  const { width = 0, height = 0 } = video ?? {};
  const [num = 1, den = 1] = (video?.sample_aspect_ratio ?? "1:1").split(":").map(Number);
  const wide = Math.round(width * (num > 0 ? num / den : 1));
  const angle =
    video?.side_data_list?.find(({ rotation }) => rotation !== undefined)?.rotation ?? 0;
  const even = (value: number) => value;
  return Math.abs(angle) === 90
    ? { width: even(height), height: wide }
    : { width: wide, height: even(height) };
}

/** Of pictures and sound: chapters and cues of a container last as long as they like. */
function secondsOf({ streams, format }: ProbedOutput): number {
  const declared = streams
    .filter(({ codec_type }) => codec_type === "video" || codec_type === "audio")
    .map(({ duration }) => Number(duration ?? Number.NaN))
    .filter((seconds) => !Number.isNaN(seconds));
  return declared.length > 0 ? Math.max(...declared) : Number(format.duration);
}

/** The quarter that is red, as ffmpeg shows the picture. */
function redCorner(file: string): string {
  const pixels = pixelsAt(bench.tools, file, 0, { width: 2, height: 2 });
  const names = ["top left", "top right", "bottom left", "bottom right"];
  const red = names.filter((_, at) => (pixels[at * 3] ?? 0) > 128);
  return red.join(" and ");
}

function checkLadder(run: Awaited<ReturnType<Bench["run"]>>, expected: Expected): void {
  const media = run.plan.outputs.filter(({ format }) => format === "mp4");
  const pictures = media.filter(({ video }) => video !== null);
  const sound = media.filter(({ audio }) => audio !== null);
  expect(pictures.length > 0).toBe(expected.video !== null);
  expect(sound).toHaveLength(expected.audio?.channels.length ?? 0);
  const cues = run.plan.outputs.filter(({ format }) => format === "vtt");
  expect(cues).toHaveLength(expected.subtitles);
  for (const [at, { file }] of pictures.entries()) {
    const [video] = probeOutput(bench.tools, `${run.scratchDir}/${file}`).streams;
    expect(video?.codec_name).toBe("h264");
    if (expected.frames !== null) expect(Number(video?.nb_read_frames)).toBe(expected.frames);
    if (at === 0)
      expect(shownSize(video)).toEqual({
        width: expected.video?.width,
        height: expected.video?.height,
      });
  }
}
