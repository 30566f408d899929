import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { type Asset, buildDashboard } from "../../dashboard/build/build.ts";
import { recipeForms } from "../../dashboard/build/recipes.ts";
import { recipeNames, recipes } from "../../protocol/recipes/index.ts";

/** What the first load may weigh, in bytes of gzip; it was 36 kB when this was written. */
const SCRIPT_LIMIT = 60_000;
const STYLE_LIMIT = 10_000;

let assets: readonly Asset[];
beforeAll(async () => {
  assets = await buildDashboard();
});

const weightOf = (ending: string) =>
  assets
    .filter((asset) => asset.initial && asset.path.endsWith(ending))
    .reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);

const textOf = (asset: Asset) => new TextDecoder().decode(asset.contents);

describe("the dashboard's files", () => {
  test("weigh little at first load", () => {
    expect(weightOf(".js")).toBeGreaterThan(10_000);
    expect(weightOf(".js")).toBeLessThan(SCRIPT_LIMIT);
    expect(weightOf(".css")).toBeLessThan(STYLE_LIMIT);
  });

  test("keep the player apart until something plays", () => {
    const players = assets.filter((asset) => textOf(asset).includes("hlsManifestLoading"));
    expect(players.map(({ initial }) => initial)).toEqual([false]);
  });

  test("name each other by a hash of their contents, and nothing elsewhere", () => {
    const page = assets.find(({ path }) => path === "/index.html");
    if (page === undefined) throw new Error("no page");
    const named = [...textOf(page).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThanOrEqual(3);
    for (const name of named) {
      expect(name).toMatch(/^\/assets\/[\w.-]+-[0-9A-Za-z]{8}\.(?:js|css|svg)$/);
      expect(assets.map(({ path }) => path)).toContain(name);
    }
  });

  test("are the same when they are built again", async () => {
    const again = await buildDashboard();
    expect(again.map(({ path }) => path)).toEqual(assets.map(({ path }) => path));
  });
});

describe("recipe forms", () => {
  test("are there for every recipe, with every parameter described or named by a known type", () => {
    const forms = recipeForms();
    expect(forms.map(({ name }) => name)).toEqual([...recipeNames]);
    for (const { name, schema } of forms) {
      const fields = Object.keys(schema.properties ?? {});
      expect(fields).toEqual(Object.keys(recipes[name as keyof typeof recipes].params.shape));
    }
  });
});
