/** The dashboard as a person uses it: signing in, uploading, watching, playing; every page, light and dark. */
import { appendFile } from "node:fs/promises";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasChromium, launchChromium } from "./browser.ts";
import {
  type Dashboard,
  openDashboard,
  padding,
  play,
  signIn,
  uploadWithoutPart2,
  violations,
} from "./dashboard-page.ts";
import { startWorld, type World } from "./telecine.ts";

/** What the edge cuts a file of this size into. */
const PART_BYTES = 8 * 1024 * 1024;

let world: World;
let browser: Browser;
let clip: string;
/** The page of a ladder of that clip, which is there from the start. */
let jobAddress: string;

const sections = ["", "jobs", "videos", "workers", "webhooks", "presets", "keys"];

const addressOf = (section: string) => `${world.host.url}/#/${section}`;

/** A page of the test's own: what another has left on its is no part of it. */
async function open(): Promise<Dashboard> {
  const dashboard = await openDashboard(browser, world.host.url);
  onTestFinished(() => dashboard.page.context().close());
  return dashboard;
}

async function openSignedIn(): Promise<Dashboard> {
  const dashboard = await open();
  await signIn(dashboard.page, world.host.rootKey);
  return dashboard;
}

async function visit(on: Page, section: string): Promise<void> {
  await on.goto(addressOf(section));
  await on.getByRole("heading", { level: 1 }).waitFor();
  await on.locator(".loading").first().waitFor({ state: "detached" });
}

/** On the page of a new job: the video that is there from the start. */
async function chooseVideo(on: Page): Promise<void> {
  await on.getByText("Or use a video").click();
  await on.getByLabel("A video uploaded before").selectOption({ label: "holiday.mp4" });
}

describe.skipIf(!hasChromium)("the dashboard", () => {
  beforeAll(async () => {
    [world, browser] = await Promise.all([startWorld(), launchChromium()]);
    clip = await world.makeClip("holiday.mp4", [
      ...["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=6"],
      ...["-f", "lavfi", "-i", "sine=frequency=440:duration=6"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    ]);
    await appendFile(clip, padding(PART_BYTES + 1_000_000));
    const videoId = await world.upload(clip);
    const job = await world.finish({ videoId, presetId: "hls-1080p" });
    jobAddress = `${addressOf("jobs")}/${job.jobId}`;
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
  });

  test("refuses a wrong key in the API's own words, and lets a good one in", async () => {
    const { page, complained } = await open();
    await page.getByLabel("API key").fill("tlk_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("The API key is not known.").waitFor();
    // Chromium itself tells of an answer that is a refusal.
    expect(complained()).toEqual([expect.stringContaining("401")]);
    await signIn(page, world.host.rootKey);
    expect(complained()).toEqual([]);
    expect(await page.evaluate("document.cookie")).toBe("");
    expect(JSON.stringify(await page.evaluate("({ ...localStorage })"))).not.toContain(
      world.host.rootKey,
    );
  }, 60_000);

  test("goes on with an upload that a reload interrupted, and sends nothing twice", async () => {
    const { page, complained } = await openSignedIn();
    // The second part never leaves, until the page is loaded anew.
    const sent = await uploadWithoutPart2(page, clip);
    page.once("dialog", (dialog) => void dialog.accept());
    await page.reload();
    await page.getByText("interrupted").waitFor();
    await page.unroute("**/parts/2");
    sent.length = 0;
    await page.getByLabel("Video file").setInputFiles(clip);
    await page.getByText("uploaded", { exact: true }).waitFor();
    expect(sent).toEqual(["2"]);
    expect(complained()).toEqual([]);
  }, 60_000);

  test("makes a ladder, shows the job live, and plays the result beside the source", async () => {
    const { page, complained } = await openSignedIn();
    const scripts: string[] = [];
    page.on("request", (request) => {
      if (request.resourceType() === "script") scripts.push(path.basename(request.url()));
    });
    await chooseVideo(page);
    await page.getByLabel("HLS ladder to 1080p").check();
    await page.getByRole("button", { name: "Start job" }).click();
    await page.getByRole("heading", { name: "holiday.mp4" }).waitFor();
    await page.locator(".timeline .running, .timeline .completed").first().waitFor();
    expect(scripts).toEqual([]);

    const result = page.getByLabel("The result");
    await result.waitFor({ timeout: 60_000 });
    await page.getByText("100 %").waitFor();
    expect(await play(page, "The result", { seconds: 1 })).toBeGreaterThan(1);
    expect(scripts).toEqual([expect.stringMatching(/^hls-/)]);
    expect(await play(page, "The source", { seconds: 1 })).toBeGreaterThan(1);
    await page.getByText("local-1").first().waitFor();
    expect(complained()).toEqual([]);
  }, 120_000);

  test("tells of what a recipe refuses in the API's words", async () => {
    const { page, complained } = await openSignedIn();
    await chooseVideo(page);
    await page.getByText("Recipe", { exact: true }).click();
    await page.getByRole("combobox", { name: "Recipe" }).selectOption("compress");
    await page.getByLabel("Quality (CRF)").fill("23");
    await page.getByLabel("Bitrate (kbit/s)").fill("800");
    await page.getByRole("button", { name: "Start job" }).click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/not valid.*crf.*Request /s);
    expect(complained()).toEqual([expect.stringContaining("400")]);
  }, 60_000);

  test("makes a key that works, and revokes it", async () => {
    const { page, complained } = await openSignedIn();
    await visit(page, "keys");
    await page.getByRole("button", { name: "New key" }).click();
    await page.getByLabel("Name").fill("ingest");
    await page.getByRole("button", { name: "Make the key" }).click();
    const key = await page.getByRole("textbox", { name: "API key" }).inputValue();
    const asked = () =>
      fetch(`${world.host.url}/v1/jobs`, { headers: { authorization: `Bearer ${key}` } });
    expect((await asked()).status).toBe(200);
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Revoke ingest" }).click();
    await page.getByRole("button", { name: "Revoke the key" }).click();
    await page.getByText("No keys but the root key.").waitFor();
    expect((await asked()).status).toBe(401);
    expect(complained()).toEqual([]);
  }, 60_000);

  test("has no accessibility fault on any page, nor in a dialog", async () => {
    const { page, complained } = await openSignedIn();
    const found: Record<string, readonly string[]> = {};
    const look = async (name: string) => {
      const problems = await violations(page);
      if (problems.length > 0) found[name] = problems;
    };
    for (const section of sections) {
      await visit(page, section);
      await look(section);
    }
    await page.goto(jobAddress);
    await page.getByLabel("The result").waitFor();
    await look("job");
    await visit(page, "workers");
    await page.getByRole("button", { name: "Add a worker" }).click();
    // A button must be readable under the pointer, too.
    await page.getByRole("button", { name: "Make a token" }).hover();
    await look("dialog");
    await page.keyboard.press("Escape");
    expect(found).toEqual({});
    expect(complained()).toEqual([]);
  }, 90_000);

  test("can be read in the dark", async () => {
    const { page, complained } = await openSignedIn();
    await page.emulateMedia({ colorScheme: "dark" });
    const found: Record<string, readonly string[]> = {};
    for (const address of [...sections.map(addressOf), jobAddress]) {
      await page.goto(address);
      await page.locator(".loading").first().waitFor({ state: "detached" });
      const problems = await violations(page, ["color-contrast"]);
      if (problems.length > 0) found[address] = problems;
    }
    expect(found).toEqual({});
    expect(complained()).toEqual([]);
  }, 90_000);

  test("fits a phone: no page is wider than the screen", async () => {
    const { page } = await openSignedIn();
    await page.setViewportSize({ width: 390, height: 844 });
    const widths: Record<string, unknown> = {};
    for (const address of [...sections.map(addressOf), jobAddress]) {
      await page.goto(address);
      await page.locator(".loading").first().waitFor({ state: "detached" });
      widths[address] = await page.evaluate("document.documentElement.scrollWidth");
    }
    expect(new Set(Object.values(widths))).toEqual(new Set([390]));
  }, 60_000);

  test("is used by the keyboard alone", async () => {
    const { page } = await openSignedIn();
    await visit(page, "");
    await page.reload();
    await page.getByRole("heading", { name: "New job" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("New job");
    await page.getByRole("link", { name: "Jobs" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Jobs" }).waitFor();
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Jobs");
  }, 60_000);

  test("signs out, and asks for the key again when its session has ended", async () => {
    const { page, complained } = await openSignedIn();
    await visit(page, "");
    await page.context().clearCookies();
    await page.getByRole("link", { name: "Videos" }).click();
    await page
      .getByText("sign in again", { exact: false })
      .or(page.getByText("No API key"))
      .waitFor();
    // Chromium itself tells of an answer that is a refusal.
    expect(complained()).toEqual(expect.arrayContaining([expect.stringContaining("401")]));
    await page.getByLabel("API key").fill(world.host.rootKey);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Videos" }).waitFor();
    await visit(page, "");
    complained();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    expect(await page.context().cookies()).toEqual([]);
    expect(complained()).toEqual([]);
  }, 60_000);

  test("speaks to no host but its own, on any page and while it plays", async () => {
    const { page, hosts } = await openSignedIn();
    for (const section of sections) await visit(page, section);
    await page.goto(jobAddress);
    await play(page, "The result", { seconds: 1 });
    expect([...hosts]).toEqual([new URL(world.host.url).host]);
  }, 60_000);
});
