/** The reference at `/docs`, in a browser: all that the document has, without a complaint. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, launchChromium } from "./browser.ts";
import { startWorld, type World } from "./telecine.ts";

const require = createRequire(import.meta.url);

describe.skipIf(!hasChromium)("the reference", () => {
  let world: World;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  beforeAll(async () => {
    [world, browser] = await Promise.all([startWorld({ workers: 0 }), launchChromium()]);
    page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`${world.host.url}/docs#createJob`);
    await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
  });

  test("has every operation of the document, and opens the one that a link names", async () => {
    const answer = await fetch(`${world.host.url}/openapi.json`);
    const { paths } = (await answer.json()) as { paths: Record<string, object> };
    const operations = Object.values(paths).flatMap((methods) => Object.keys(methods));
    expect(await page.locator("details.operation").count()).toBe(operations.length);
    expect(await page.locator("details[open]").count()).toBe(1);
    expect(await page.locator("details#createJob[open]").count()).toBe(1);
  });

  test("has no accessibility fault, fits a phone, and complains of nothing", async () => {
    await page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)");
    await page.evaluate(await readFile(require.resolve("axe-core/axe.min.js"), "utf8"));
    const faults = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))",
    );
    expect(faults).toEqual([]);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    expect(complaints).toEqual([]);
  });

  test("finds by words", async () => {
    await page.getByLabel("Find").fill("webhook rotate");
    expect(await page.locator("details.operation").count()).toBeGreaterThan(0);
    for (const text of await page.locator("details.operation summary").allTextContents()) {
      expect(text.toLowerCase()).toContain("webhook");
    }
  });
});
