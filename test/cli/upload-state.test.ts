import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stateFolder, stateName, uploadState } from "../../cli/upload-state.ts";

const file = { path: "/videos/talk.mov", size: 30_000_000, mtimeMs: 1_700_000_000_000 };
const edge = "https://video.example.com/";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "telecine-state-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const begun = {
  uploadId: "upl_1",
  partSize: 8_388_608,
  partCount: 4,
  mode: "direct" as const,
  parts: [{ partNumber: 1, etag: "a", size: 8_388_608 }],
};

describe("the name under which an upload is remembered", () => {
  test("is the same for the same file and edge", () => {
    expect(stateName(edge, file)).toBe(stateName("https://video.example.com", { ...file }));
  });

  test.for([
    ["the file's path", edge, { ...file, path: "/videos/other.mov" }],
    ["its size", edge, { ...file, size: file.size + 1 }],
    ["its time", edge, { ...file, mtimeMs: file.mtimeMs + 1 }],
    ["the edge", "https://staging.example.com/", file],
  ] as const)("is another when %s is another", ([, url, identity]) => {
    expect(stateName(url, identity)).not.toBe(stateName(edge, file));
  });
});

describe("the state of an upload", () => {
  test("is read as it was written, and gone once it is forgotten", () => {
    const state = uploadState(folder, "one.json");
    expect(state.read()).toBeNull();
    state.write(begun);
    expect(uploadState(folder, "one.json").read()).toEqual(begun);
    state.forget();
    expect(state.read()).toBeNull();
  });

  test("of a proxied upload leaves the parts to the edge", () => {
    const state = uploadState(folder, "proxied.json");
    state.write({ ...begun, mode: "proxied" });
    expect(state.read()?.parts).toEqual([]);
  });

  test("counts as none when it was damaged", async () => {
    await writeFile(path.join(folder, "damaged.json"), '{"uploadId": "upl_1"');
    expect(uploadState(folder, "damaged.json").read()).toBeNull();
    await writeFile(path.join(folder, "damaged.json"), '{"uploadId": "upl_1"}');
    expect(uploadState(folder, "damaged.json").read()).toBeNull();
  });

  test("that cannot be written harms nothing and leaves nothing", async () => {
    await writeFile(path.join(folder, "file"), "");
    const state = uploadState(path.join(folder, "file", "below"), "x.json");
    expect(() => state.write(begun)).not.toThrow();
    expect(state.read()).toBeNull();
    expect((await readdir(folder)).filter((name) => /\.\d+$/.test(name))).toEqual([]);
  });

  test("stands under XDG_STATE_HOME where that is absolute", () => {
    expect(stateFolder({ XDG_STATE_HOME: "/state" })).toBe("/state/telecine");
    expect(stateFolder({ XDG_STATE_HOME: "relative" })).toMatch(/\.local\/state\/telecine$/);
  });
});
