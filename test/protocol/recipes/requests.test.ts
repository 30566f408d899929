import { describe, expect, test } from "vitest";
import { z } from "zod";
import { outputFormats } from "../../../protocol/media.ts";
import {
  planWork,
  recipeNames,
  recipeRequestSchema,
  recipes,
  refuseFormat,
} from "../../../protocol/recipes/index.ts";
import { ready, software } from "./sources.ts";

/** The least that each recipe needs. */
const least: Readonly<Record<string, object>> = { resize: { width: 320 } };

function problems(request: unknown): string {
  const parsed = recipeRequestSchema.safeParse(request);
  return parsed.success ? "" : z.prettifyError(parsed.error);
}

describe("a recipe request", () => {
  test.each(recipeNames)("%s is known to the schema by its own name", (name) => {
    expect(recipes[name].name).toBe(name);
    expect(problems({ name, ...least[name] })).toBe("");
  });

  test.each(["nope", "HLS", "concatenate", "toString", undefined, 3])(
    "the name %s is refused with those allowed",
    (name) => {
      expect(problems({ name })).toContain(`must be one of ${recipeNames.join(", ")}`);
    },
  );

  test.each(recipeNames)("an unknown parameter of %s is refused by name", (name) => {
    expect(problems({ name, ...least[name], colour: "blue" })).toContain('"colour"');
  });

  test("defaults are filled in", () => {
    expect(recipeRequestSchema.parse({ name: "webReady" })).toEqual({
      name: "webReady",
      crf: 23,
      scaleDown: true,
    });
    expect(recipeRequestSchema.parse({ name: "trim", endSeconds: 3 })).toEqual({
      name: "trim",
      startSeconds: 0,
      endSeconds: 3,
      accurate: true,
    });
    expect(recipeRequestSchema.parse({ name: "thumbnail" })).toMatchObject({ seekSeconds: 0 });
  });

  test.each([
    [{ name: "transcode", codec: "divx" }, '"h264"|"hevc"|"av1"|"vp9"'],
    [{ name: "transcode", crf: 20, bitrateKbps: 900 }, "Use either crf or bitrateKbps, not both"],
    [{ name: "transcode", codec: "h264", crf: 60 }, "crf must be 0 to 51 for h264"],
    [{ name: "transcode", codec: "av1", crf: 30.5 }, "crf must be a whole number for av1"],
    [{ name: "resize" }, "Give width, height or both"],
    [{ name: "resize", width: 9000 }, "8192"],
    [{ name: "resize", width: 320, fit: "fill" }, '"contain"|"cover"|"stretch"'],
    [
      { name: "trim", durationSeconds: 1, endSeconds: 2 },
      "Use either durationSeconds or endSeconds",
    ],
    [{ name: "trim", startSeconds: 5, endSeconds: 5 }, "must be greater than startSeconds"],
    [{ name: "trim", startSeconds: -1 }, "startSeconds"],
    [{ name: "trim", durationSeconds: 0 }, "durationSeconds"],
    [{ name: "thumbnail", seekSeconds: Number.NaN }, "seekSeconds"],
    [{ name: "compress", crf: 20, targetSizeMb: 3 }, "Use one of crf and targetSizeMb, not both"],
    [{ name: "webReady", crf: "23" }, "expected number"],
  ])("%o is refused", (request, words) => {
    expect(problems(request)).toContain(words);
  });
});

describe("a format", () => {
  test.each(recipeNames)("that %s does not make is refused with those it makes", (name) => {
    const request = recipeRequestSchema.parse({ name, ...least[name] });
    const { formats } = recipes[name];
    for (const format of outputFormats) {
      const refusal = refuseFormat(request, format);
      if (formats.some((own) => own === format)) expect(refusal).toBeNull();
      else expect(refusal).toBe(`must be one of ${formats.join(", ")} for ${name}`);
    }
  });

  test.each([
    [{ name: "transcode", codec: "h264" }, "webm", "codec must be one of vp9, av1 for webm"],
    [
      { name: "transcode", audioCodec: "opus" },
      "mov",
      "audioCodec must be one of aac, mp3 for mov",
    ],
    [{ name: "transcode", crf: 60 }, "mp4", "crf must be 0 to 51 for h264"],
    [
      { name: "extractAudio", bitrateKbps: 128 },
      "wav",
      "bitrateKbps does not apply to wav, which is not compressed",
    ],
    [{ name: "extractAudio", bitrateKbps: 400 }, "mp3", "bitrateKbps must be 16 to 320 for mp3"],
  ] as const)("%o cannot be had as %s", (recipe, format, refusal) => {
    expect(refuseFormat(recipeRequestSchema.parse(recipe), format)).toBe(refusal);
  });
});

describe("work from elsewhere is checked again by the agent", () => {
  const output = { key: "out_1", file: "result.mp4", format: "mp4" } as const;
  test.each([
    [{ name: "nope" }, "recipe.name must be one of"],
    [{ name: "__proto__" }, "recipe.name must be one of"],
    [{ name: "trim", startSeconds: "0" }, "startSeconds"],
    [{ name: "thumbnail" }, "thumbnail makes jpg, png, not mp4"],
  ])("%o is a rejection, not a crash", (recipe, words) => {
    const result = planWork({ mode: "recipe", recipe }, { in_1: ready }, output, software);
    expect(result).toMatchObject({ status: "rejected", code: "UNSUPPORTED_COMMAND" });
    expect(result).toHaveProperty("detail", expect.stringContaining(words));
  });

  test("a recipe without an input is a rejection", () => {
    const work = { mode: "recipe", recipe: { name: "webReady" } } as const;
    expect(planWork(work, {}, output, software).status).toBe("rejected");
  });
});
