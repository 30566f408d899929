import { describe, expect, test } from "vitest";
import type { EncoderCapability } from "../../protocol/media.ts";
import { fitnessOf, hasDeviceFor, MODEST, needsOf } from "../../protocol/needs.ts";
import { ladderOf, mostRungs } from "../../protocol/recipes/parts/ladder.ts";
import { video } from "./recipes/sources.ts";

function recipe(name: string, params: Record<string, unknown> = {}) {
  return { mode: "recipe", recipe: { name, ...params } } as const;
}

describe("what a task needs, before anyone has seen its source", () => {
  test("a codec that is asked for, with the depth that the recipe keeps", () => {
    expect(needsOf(recipe("transcode", { codec: "hevc" })).encoders).toEqual([
      { codec: "hevc", encoder: null, bitDepth: 10, sessions: 1 },
    ]);
    expect(needsOf(recipe("transcode", { codec: "h264" })).encoders).toMatchObject([
      { codec: "h264", bitDepth: 8 },
    ]);
    expect(needsOf(recipe("webReady"))).toEqual(MODEST);
    expect(needsOf(recipe("x", { codec: "copy" }))).toEqual(MODEST);
  });

  test("a session for each rung that a ladder of this height can have, in each codec", () => {
    expect(needsOf(recipe("hls", { maxHeight: 1080, codecs: ["h264"] })).slots).toBe(5);
    const both = needsOf(recipe("hls", { maxHeight: 480, codecs: ["h264", "hevc"] }));
    expect(both.slots).toBe(6);
    expect(
      both.encoders.map(({ codec, bitDepth, sessions }) => [codec, bitDepth, sessions]),
    ).toEqual([
      ["h264", 8, 3],
      ["hevc", 10, 3],
    ]);
    expect(needsOf(recipe("hls", { codecs: ["h264"] })).slots).toBe(mostRungs());
  });

  test("the encoders that a command names, by the names that people use", () => {
    const command = (...args: string[]) => needsOf({ mode: "ffmpeg", args });
    expect(command("-i", "{{in_1}}", "-c:v", "h264_nvenc", "{{out_1}}").encoders).toEqual([
      { codec: "h264", encoder: "h264_nvenc", bitDepth: 8, sessions: 1 },
    ]);
    expect(command("-vcodec", "x265", "a", "-c:v:0", "libx265", "b")).toMatchObject({
      encoders: [{ encoder: "libx265", sessions: 2 }],
      slots: 2,
    });
    expect(command("-c:a", "aac", "-c:v", "copy")).toEqual(MODEST);
  });

  test("sound alone and merging need nothing of the pictures", () => {
    const work = recipe("hls", { codecs: ["hevc"] });
    expect(needsOf(work, "audio")).toEqual(MODEST);
    expect(needsOf(work, "merge")).toEqual(MODEST);
    expect(needsOf(work, "chunk")).toEqual(needsOf(work));
  });
});

test("no source has more rungs than were reckoned with", () => {
  for (const maxHeight of [2, 100, 240, 288, 360, 480, 576, 720, 1080, 1440, 2160, 4320]) {
    for (const [width, height] of [
      [7680, 4320],
      [4320, 7680],
      [1920, 1080],
      [8192, 8192],
      [640, 360],
    ] as const) {
      const rungs = ladderOf({ ...video, width, height }, maxHeight);
      expect("status" in rungs ? 0 : rungs.length).toBeLessThanOrEqual(mostRungs(maxHeight));
    }
  }
});

describe("how well a worker serves", () => {
  const nvenc: EncoderCapability = {
    encoder: "hevc_nvenc",
    codec: "hevc",
    device: "cuda:0",
    bitDepths: [8],
    maxSessions: 3,
  };
  const x265: EncoderCapability = {
    encoder: "libx265",
    codec: "hevc",
    device: "cpu",
    bitDepths: [8, 10],
    maxSessions: null,
  };
  const need = { codec: "hevc", encoder: null, bitDepth: 8, sessions: 3 } as const;

  test("fully with depth and sessions, barely without, not at all without the codec", () => {
    expect(fitnessOf([nvenc], [need])).toBe("fully");
    expect(fitnessOf([nvenc], [{ ...need, sessions: 4 }])).toBe("barely");
    expect(fitnessOf([nvenc], [{ ...need, bitDepth: 10 }])).toBe("barely");
    expect(fitnessOf([nvenc, x265], [{ ...need, bitDepth: 10, sessions: 4 }])).toBe("fully");
    expect(fitnessOf([nvenc], [{ ...need, codec: "av1" }])).toBe("none");
    expect(fitnessOf([], [])).toBe("fully");
  });

  test("a device counts when it has the sessions for all codecs together", () => {
    const h264 = { ...nvenc, encoder: "h264_nvenc", codec: "h264" } as const;
    const both = [need, { ...need, codec: "h264" as const }];
    expect(hasDeviceFor([nvenc, h264, x265], { encoders: both, slots: 6 })).toBe(false);
    expect(hasDeviceFor([nvenc, h264], { encoders: both, slots: 3 })).toBe(true);
    expect(hasDeviceFor([x265], { encoders: [need], slots: 1 })).toBe(false);
    expect(hasDeviceFor([nvenc], MODEST)).toBe(false);
  });
});
