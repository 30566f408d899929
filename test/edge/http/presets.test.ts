import { describe, expect, test } from "vitest";
import type { Preset } from "../../../protocol/http/presets.ts";
import { builtInPresets } from "../../../protocol/presets.ts";
import { refuseFormat } from "../../../protocol/recipes/index.ts";
import { type CallOptions, call, makeKey, refusal } from "./harness.ts";

const ask = (path: string, options: CallOptions = {}) => call(`/v1/presets${path}`, options);
const body = { name: "Archive", recipe: { name: "transcode", codec: "hevc", crf: 20 } };

describe("a stored preset", () => {
  test("is made, read, replaced and deleted; defaults are filled in", async () => {
    const made = await ask("", { json: body });
    expect(made.status).toBe(201);
    const preset = await made.json<Preset>();
    expect(preset).toMatchObject({
      name: "Archive",
      recipe: { name: "transcode", codec: "hevc", crf: 20, preset: "medium" },
      output: { format: "mp4" },
      builtIn: false,
    });
    expect(made.headers.get("location")).toBe(`/v1/presets/${preset.presetId}`);
    expect(await (await ask(`/${preset.presetId}`)).json()).toEqual(preset);

    const change = { name: "Sound", recipe: { name: "extractAudio" }, output: { format: "wav" } };
    const replaced = await ask(`/${preset.presetId}`, { method: "PUT", json: change });
    expect(await replaced.json()).toMatchObject({
      presetId: preset.presetId,
      name: "Sound",
      output: { format: "wav" },
      createdAt: preset.createdAt,
    });
    expect((await ask(`/${preset.presetId}`, { method: "DELETE" })).status).toBe(204);
    expect(await refusal(ask(`/${preset.presetId}`))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
      detail: `No preset with id '${preset.presetId}' exists.`,
    });
  });

  test("of another account answers like a missing one, on every route", async () => {
    const { presetId } = await (await ask("", { json: body })).json<Preset>();
    const key = await makeKey(["read", "write"], "preset-stranger");
    for (const options of [
      { method: "GET" },
      { method: "PUT", json: body },
      { method: "DELETE" },
    ] satisfies CallOptions[]) {
      expect(await refusal(ask(`/${presetId}`, { ...options, key }))).toMatchObject({
        status: 404,
        detail: `No preset with id '${presetId}' exists.`,
      });
    }
    expect((await ask(`/${presetId}`)).status).toBe(200);
  });

  test.each([
    [{ recipe: { name: "webReady" } }, "name is required"],
    [{ ...body, recipe: { name: "webReady", crf: "x" } }, "recipe.crf must be a number"],
    [{ ...body, colour: 1 }, "The body has unknown field 'colour'"],
  ])("%j is refused", async (json, detail) => {
    expect(await refusal(ask("", { json }))).toMatchObject({ code: "VALIDATION_ERROR", detail });
  });

  test("cannot have a format that its recipe does not make", async () => {
    const error = await refusal(ask("", { json: { ...body, output: { format: "png" } } }));
    expect(error.code).toBe("VALIDATION_ERROR");
    expect(error.detail).toMatch(/^output\.format must be one of .* for transcode$/);
    const recipe = { name: "transcode", codec: "h264" };
    const codec = await refusal(ask("", { json: { ...body, recipe, output: { format: "webm" } } }));
    expect(codec.detail).toBe("recipe.codec must be one of vp9, av1 for webm");
  });
});

describe("the built-in presets", () => {
  test("are jobs that can be had", () => {
    expect(builtInPresets.length).toBeGreaterThan(0);
    for (const { recipe, format } of builtInPresets)
      expect(refuseFormat(recipe, format)).toBeNull();
  });

  test("are read-only", async () => {
    for (const options of [
      { method: "PUT", json: body },
      { method: "DELETE" },
    ] satisfies CallOptions[]) {
      expect(await refusal(ask("/web-1080p", options))).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
        detail: "presetId: 'web-1080p' is built in and read-only.",
      });
    }
    expect(await (await ask("/web-1080p")).json()).toMatchObject({ builtIn: true });
  });

  test("come after the stored ones, each once, over pages of any size", async () => {
    const key = await makeKey(["read", "write"], "preset-pages");
    for (let i = 0; i < 3; i++) await ask("", { json: body, key });
    for (const limit of [1, 2, 3, 200]) {
      const seen: Preset[] = [];
      let cursor: string | null = null;
      do {
        const next: string = cursor === null ? "" : `&cursor=${cursor}`;
        const page: { presets: Preset[]; nextCursor: string | null } = await (
          await ask(`?limit=${limit}${next}`, { key })
        ).json();
        expect(page.presets.length).toBeLessThanOrEqual(limit);
        seen.push(...page.presets);
        cursor = page.nextCursor;
      } while (cursor !== null);
      const flags = seen.map((preset) => preset.builtIn);
      expect(flags).toEqual([false, false, false, ...builtInPresets.map(() => true)]);
      expect(new Set(seen.map((preset) => preset.presetId)).size).toBe(seen.length);
    }
  });
});
