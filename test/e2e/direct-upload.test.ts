/** Direct mode from end to end: a browser's and an agent's bytes go past the edge, to a store of another origin. */
import { appendFile, readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isTerminalState } from "../../protocol/stages.ts";
import { hasChromium, launchChromium } from "./browser.ts";
import { type Dashboard, openDashboard, padding, play, signIn } from "./dashboard-page.ts";
import { type RemoteStore, startRemoteStore } from "./remote-store.ts";
import { startWorld, type World } from "./telecine.ts";

/** What the edge cuts a file of this size into. */
const PART_BYTES = 8 * 1024 * 1024;

let store: RemoteStore;
let world: World;
let browser: Browser;
let page: Page;
let hosts: Dashboard["hosts"];
let complained: Dashboard["complained"];
let clip: string;

describe.skipIf(!hasChromium)("an upload of the dashboard in direct mode", () => {
  beforeAll(async () => {
    store = await startRemoteStore();
    [world, browser] = await Promise.all([
      startWorld({ environment: store.environment }),
      launchChromium(),
    ]);
    clip = await world.makeClip("holiday.mp4", [
      ...["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3"],
      ...["-f", "lavfi", "-i", "sine=frequency=440:duration=3"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    ]);
    await appendFile(clip, padding(PART_BYTES + 1_000_000));
    ({ page, hosts, complained } = await openDashboard(browser, world.host.url));
    await signIn(page, world.host.rootKey);
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
    await store?.stop();
  });

  test("goes from the page to the store, which is let in by the policy, and on after a reload", async () => {
    store.allowedOrigin = world.host.url;
    await page.route("**partNumber=2&**", () => undefined);
    await page.getByLabel("Video file").setInputFiles(clip);
    await page.getByText("1 of 2 parts").waitFor();
    page.once("dialog", (dialog) => void dialog.accept());
    await page.reload();
    await page.getByText("interrupted").waitFor();
    await page.unroute("**partNumber=2&**");
    await page.getByLabel("Video file").setInputFiles(clip);
    await page.getByText("uploaded", { exact: true }).waitFor();
    expect(store.received).toEqual(["PUT 1", "PUT 2"]);
    expect(hosts).toEqual(new Set([new URL(world.host.url).host, new URL(store.origin).host]));
    expect(complained()).toEqual([]);
    const { videos } = await world.host.client.listVideos();
    expect(videos.map(({ filename, metadata }) => [filename, metadata?.width])).toEqual([
      ["holiday.mp4", 320],
    ]);
    const content = await world.host.client.send("GET", `/v1/videos/${videos[0]?.videoId}/content`);
    expect(Buffer.from(await content.arrayBuffer()).equals(await readFile(clip))).toBe(true);
  }, 60_000);

  test("becomes a job whose agent reads from the store and writes to it, and is played", async () => {
    await page.getByText("Web 720p").click();
    await page.getByRole("button", { name: "Start job" }).click();
    await page.getByRole("heading", { name: "holiday.mp4" }).waitFor();
    const jobId = new URL(page.url()).hash.split("/").at(-1) ?? "";
    expect(await world.until(jobId, (job) => isTerminalState(job.state))).toMatchObject({
      state: "completed",
    });
    expect(await play(page, "The result", { seconds: 1 })).toBeGreaterThan(1);
    expect(await play(page, "The source", { seconds: 1 })).toBeGreaterThan(1);
    expect(complained()).toEqual([]);
  }, 60_000);

  test("that the store's rules do not let in says so", async () => {
    store.allowedOrigin = "https://elsewhere.example.com";
    const { page: stranger } = await openDashboard(browser, "about:blank");
    // Nine tries have half a minute's pauses between them.
    await stranger.addInitScript(
      "{ const wait = setTimeout; globalThis.setTimeout = (call) => wait(call, 0); }",
    );
    await stranger.goto(world.host.url);
    await signIn(stranger, world.host.rootKey);
    await stranger.getByLabel("Video file").setInputFiles(clip);
    expect(await stranger.getByRole("alert").textContent()).toMatch(
      /store at http.*could not be reached.*CORS rules/,
    );
  }, 60_000);
});
