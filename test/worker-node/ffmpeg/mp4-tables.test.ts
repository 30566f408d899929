import { describe, expect, it } from "vitest";
import type { Track } from "../../../worker-node/ffmpeg/mp4-boxes.ts";
import {
  hasRepeatedTimes,
  hasSimpleEdits,
  maxKeyframeGap,
} from "../../../worker-node/ffmpeg/mp4-tables.ts";

/** 100 pictures of 0.1 s, a key frame every second, two frames of reordering. */
const video: Track = {
  handler: "vide",
  timescale: 1000,
  duration: 10_000,
  edits: [],
  durations: [[100, 100]],
  offsets: [
    [1, 200],
    [99, 300],
  ],
  keySamples: [1, 11, 21, 31, 41, 51, 61, 71, 81, 91],
  descriptions: 1,
};
const audio: Track = {
  ...video,
  handler: "soun",
  timescale: 48_000,
  duration: 480_000,
  durations: [[469, 1024]],
  offsets: [],
  keySamples: null,
};
const movie = { timescale: 600 };
const wholeMovie = 6_000;

describe("the longest gap between key frames", () => {
  it("is measured in the track's own time, over runs of different durations", () => {
    expect(maxKeyframeGap(video)).toBe(1);
    // 10 pictures of 0.1 s, then 10 of 1 s: key frames at 0, 0.5, 1 and 5 s, the end at 11 s.
    const variable: Track = {
      ...video,
      durations: [
        [10, 100],
        [10, 1000],
      ],
      keySamples: [1, 6, 11, 15],
    };
    expect(maxKeyframeGap(variable)).toBe(6);
  });

  it("reaches from the last key frame to the end", () => {
    expect(maxKeyframeGap({ ...video, keySamples: [1] })).toBe(10);
  });

  it("is one picture where every picture is a key frame", () => {
    expect(maxKeyframeGap({ ...video, keySamples: null })).toBe(0.1);
  });

  it("is unknown without samples", () => {
    expect(maxKeyframeGap({ ...video, durations: [] })).toBeNull();
  });
});

describe("an edit list is simple", () => {
  const edit = { duration: wholeMovie, mediaTime: 200, rate: 1 };

  it("when there is none, or one that skips only the reordering delay", () => {
    expect(hasSimpleEdits(video, movie)).toBe(true);
    expect(hasSimpleEdits({ ...video, edits: [edit] }, movie)).toBe(true);
  });

  it("when it skips the encoder's priming of sound", () => {
    const priming = { ...edit, mediaTime: 1024 };
    expect(hasSimpleEdits({ ...audio, edits: [priming] }, movie)).toBe(true);
    expect(hasSimpleEdits({ ...audio, edits: [{ ...edit, mediaTime: 24_000 }] }, movie)).toBe(
      false,
    );
  });

  it.each([
    ["skips a picture", [{ ...edit, mediaTime: 201 }]],
    ["cuts the end off", [{ ...edit, duration: wholeMovie - 600 }]],
    ["begins with a pause", [{ ...edit, mediaTime: -1 }]],
    ["changes speed", [{ ...edit, rate: 2 }]],
    ["has two parts", [edit, edit]],
  ])("but not when it %s", (_, edits) => {
    expect(hasSimpleEdits({ ...video, edits }, movie)).toBe(false);
  });
});

describe("decode times", () => {
  it("are repeated where a picture lasts nothing, save the last", () => {
    expect(hasRepeatedTimes(video)).toBe(false);
    expect(
      hasRepeatedTimes({
        ...video,
        durations: [
          [99, 100],
          [1, 0],
        ],
      }),
    ).toBe(false);
    expect(
      hasRepeatedTimes({
        ...video,
        durations: [
          [1, 0],
          [99, 100],
        ],
      }),
    ).toBe(true);
  });
});
