/** What the edge believes of an agent's list of files, by the files' names alone. */
import { describe, expect, test } from "vitest";
import type { Store } from "../../../edge/media/store.ts";
import { checkOutputs, checkParts } from "../../../edge/pool/check-outputs.ts";
import type { OutputReport, TaskOutput } from "../../../protocol/task.ts";
import { indexOf, soundIndex } from "../../support/plans.ts";

const media = {
  format: "jpg",
  durationSeconds: null,
  width: null,
  height: null,
  frameRate: null,
  videoCodec: null,
  audioCodec: null,
  bitrateKbps: null,
};
const sheet: OutputReport = {
  key: "out_1",
  filename: "result.jpg",
  format: "jpg",
  contentType: "image/jpeg",
  sizeBytes: 3,
  sha256: "0".repeat(64),
  stored: { kind: "single", etag: "e" },
  media,
};
const cues: OutputReport = {
  ...sheet,
  filename: "result.vtt",
  format: "vtt",
  role: "companion",
  contentType: "text/vtt",
};
const board: Record<string, TaskOutput> = { out_1: { filename: "result.jpg", format: "jpg" } };

/** Has every object that is asked for. */
const full: Pick<Store, "head"> = {
  head: async () => ({ etag: "e", size: 3, sha256: null }) as Awaited<ReturnType<Store["head"]>>,
};

function check(promised: Record<string, TaskOutput>, ...reports: OutputReport[]) {
  return checkOutputs(full as Store, "jobs/j/1/t/1/", promised, reports);
}

describe("the files of an attempt", () => {
  test("may be more than were asked for, where each says what it is and is named after its output", async () => {
    expect(await check(board, sheet, cues)).toMatchObject({
      status: "ok",
      outputs: [{ name: "result.jpg" }, { name: "result.vtt", role: "companion" }],
    });
  });

  test.each([
    ["without the one that was asked for", [cues], "Output 'out_1' was not reported."],
    [
      "with another's name",
      [sheet, { ...cues, filename: "other.vtt" }],
      "Output 'out_1' was reported as file 'other.vtt' instead of 'result.jpg'.",
    ],
    [
      "that do not say what they are",
      [sheet, { ...sheet, filename: "result-2.jpg" }],
      "Output 'out_1' was reported as file 'result-2.jpg' instead of 'result.jpg'.",
    ],
    [
      "that hide the one that was asked for",
      [{ ...sheet, role: "part" as const }],
      "Output 'out_1' was reported as a part of itself.",
    ],
    ["twice the same", [sheet, cues, cues], "File 'result.vtt' was reported twice."],
  ])("%s are refused", async (_, reports, detail) => {
    expect(await check(board, ...reports)).toEqual({ status: "invalid", detail });
  });

  test("are one where the format is one file", async () => {
    const mp4 = { out_1: { filename: "result.mp4", format: "mp4" as const } };
    const film: OutputReport = { ...sheet, filename: "result.mp4", format: "mp4" };
    expect(await check(mp4, film, cues)).toMatchObject({ status: "invalid" });
  });
});

describe("the files of a chunk", () => {
  const outputs = { out_1: { filename: "result.m3u8", format: "hls" as const } };
  const pictures = { chunk: 0, renditions: ["v720"], frames: 1, preludes: ["a-eng"] };
  const made: OutputReport = {
    ...sheet,
    filename: "v720.c0000.mp4",
    format: "mp4",
    role: "part",
    index: indexOf(),
  };
  const sound: OutputReport = { ...made, filename: "a-eng.first.mp4", index: soundIndex };
  const checked = (...reports: OutputReport[]) =>
    checkParts(full as Store, "jobs/j/1/t/1/", { outputs, pictures }, reports);

  test("may bring the beginning of the sound along", async () => {
    expect(await checked(made, sound)).toMatchObject({ status: "ok" });
  });

  test.each([
    ["segments", { ...indexOf(), segments: [[3, 1]] as [number, number][] }],
    ["key pictures", { ...indexOf(), keyPictures: [[2, 2, 1]] as [number, number, number][] }],
  ])("have no %s beyond the end of their file", async (_, index) => {
    expect(await checked({ ...made, index })).toEqual({
      status: "invalid",
      detail: "File 'v720.c0000.mp4' has an index that reaches beyond its 3 bytes.",
    });
  });

  test("have the names of their chunk: playlists list files of several side by side", async () => {
    expect(await checked({ ...made, filename: "v720.c0001.mp4" })).toEqual({
      status: "invalid",
      detail: "File 'v720.c0001.mp4' should be named 'v720.c0000.mp4'.",
    });
  });

  test("are of the planned renditions alone", async () => {
    const stray = { ...made, filename: "v1.c0000.mp4", index: { ...indexOf(), rendition: "v1" } };
    expect(await checked(made, stray)).toEqual({
      status: "invalid",
      detail: "Rendition 'v1' was not asked for.",
    });
  });

  test.each([
    ["under a name of its own", { ...sound, filename: "a-eng.mp4" }],
    [
      "of a track that there is not",
      { ...sound, filename: "a-fra.first.mp4", index: { ...soundIndex, rendition: "a-fra" } },
    ],
    [
      "that is no sound",
      { ...sound, index: { track: "text" as const, rendition: soundIndex.rendition } },
    ],
  ])("bring no sound along %s", async (_, stray) => {
    expect(await checked(made, stray)).toMatchObject({
      status: "invalid",
      detail: expect.stringContaining(`File '${stray.filename}' has a track of`),
    });
  });
});
