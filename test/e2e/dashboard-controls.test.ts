/** What a person does in the dashboard to what already runs: pausing, draining, revoking, sending again. */
import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
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
import { startSink, startWorld, type World } from "./telecine.ts";

const { features } = await resolveTools(process.env);

/** What the edge cuts a file of this size into. */
const PART_BYTES = 8 * 1024 * 1024;
/** Long enough that a fleet divides it, and its beginning can be played early. */
const SECONDS = 60;

let world: World;
let browser: Browser;
let clip: string;

/** A page of the test's own, signed in: what another has left on its is no part of it. */
async function openSignedIn({ host }: World): Promise<Dashboard> {
  const dashboard = await openDashboard(browser, host.url);
  onTestFinished(() => dashboard.page.context().close());
  await signIn(dashboard.page, host.rootKey);
  return dashboard;
}

async function visit(page: Page, { host }: World, section: string): Promise<void> {
  await page.goto(`${host.url}/#/${section}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
}

describe.skipIf(!hasChromium)("the dashboard's controls", () => {
  beforeAll(async () => {
    [world, browser] = await Promise.all([startWorld({ workers: 2 }), launchChromium()]);
    clip = await world.makeClip("holiday.mp4", [
      ...["-f", "lavfi", "-i", `testsrc2=size=480x270:rate=25:duration=${SECONDS}`],
      ...["-f", "lavfi", "-i", `sine=frequency=440:duration=${SECONDS}`],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"],
      ...["-c:a", "aac", "-shortest"],
    ]);
    // Two parts, whatever the clip itself takes.
    const { size } = await stat(clip);
    await appendFile(clip, padding(PART_BYTES + 4_000_000 - size));
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await world?.stop();
  });

  test("pause an upload in the middle of a part, and resume it without a part sent twice", async () => {
    const { page, complained } = await openSignedIn(world);
    // The second part is held on its way until the reader has paused.
    const sent = await uploadWithoutPart2(page, clip);
    await page.getByRole("button", { name: "Pause holiday.mp4" }).click();
    await page.getByText("paused", { exact: true }).waitFor();
    await page.unroute("**/parts/2");
    sent.length = 0;
    await page.getByRole("button", { name: "Resume holiday.mp4" }).click();
    await page.getByText("uploaded", { exact: true }).waitFor();
    expect(sent).toEqual(["2"]);
    const [video] = (await world.host.client.listVideos({})).videos;
    const kept = await fetch(`${world.host.url}/v1/videos/${video?.videoId}/content`, {
      headers: { authorization: `Bearer ${world.host.rootKey}` },
    });
    expect(Buffer.from(await kept.arrayBuffer()).equals(await readFile(clip))).toBe(true);
    expect(complained()).toEqual([]);
  }, 60_000);

  test.skipIf(!features.fpsMode)(
    "play a result that still grows, to its end, while the job completes",
    async () => {
      const { page, complained } = await openSignedIn(world);
      const playlists: Promise<string>[] = [];
      page.on("response", (response) => {
        if (/\.m3u8$/.test(new URL(response.url()).pathname)) playlists.push(response.text());
      });
      const { jobId } = await world.host.client.createJob({
        videoId: await world.upload(clip),
        recipe: { name: "hls", segmentSeconds: 4, preset: "medium" },
      });
      await page.goto(`${world.host.url}/#/jobs/${jobId}`);
      await page.getByLabel("The result").waitFor({ timeout: 60_000 });
      // It waits for what is not made yet, however fast it plays.
      const endedAt = await play(page, "The result", { rate: 8 });
      expect(endedAt).toBeGreaterThan(SECONDS - 0.2);
      expect(endedAt).toBeLessThan(SECONDS + 0.2);
      await page.getByText("completed", { exact: true }).first().waitFor();
      const texts = await Promise.all(playlists);
      expect(texts.some((text) => text.includes("#EXT-X-PLAYLIST-TYPE:EVENT"))).toBe(true);
      expect(await page.getByText("The player stopped").count()).toBe(0);
      expect(complained()).toEqual([]);
    },
    120_000,
  );

  test("send a webhook delivery again, under the id it had", async () => {
    const sink = await startSink();
    const { page, complained } = await openSignedIn(world);
    await visit(page, world, "webhooks");
    await page.getByRole("button", { name: "Add an endpoint" }).click();
    await page.getByLabel("URL").fill(sink.url);
    await page.getByRole("button", { name: "Add it" }).click();
    await page.getByRole("textbox", { name: "Webhook secret" }).waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Send a test" }).click();
    const first = await sink.next(({ body }) => body.includes("webhook.test"));
    const row = page.getByRole("listitem").filter({ hasText: "webhook.test" });
    await row.getByText("delivered", { exact: true }).waitFor();
    await row.getByRole("button", { name: "Send again: webhook.test" }).click();
    const second = await sink.next(
      (event) => event !== first && event.body.includes("webhook.test"),
    );
    await row.getByText("2 tries").waitFor();
    expect(second.headers["webhook-id"]).toBe(first.headers["webhook-id"]);
    expect(second.body).toBe(first.body);
    expect(await violations(page)).toEqual([]);
    expect(complained()).toEqual([]);
    await sink.stop();
  }, 60_000);

  test("offer no retry of a job that would only fail again, whose page says why it failed", async () => {
    const cut = `${clip}.cut.mp4`;
    await writeFile(cut, (await readFile(clip)).subarray(0, 100_000));
    const job = await world.finish({
      videoId: await world.upload(cut),
      recipe: { name: "resize", height: 90 },
    });
    const { page, complained } = await openSignedIn(world);
    await visit(page, world, `jobs/${job.jobId}`);
    await page.getByRole("alert").getByText("a retry would fail the same way").waitFor();
    await page.getByRole("link", { name: "Another from this video" }).waitFor();
    expect(await page.getByRole("button", { name: /Retry/ }).count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    expect(complained()).toEqual([]);
  }, 60_000);

  test("drain a worker, and revoke another, which is cut off and never let in again", async () => {
    // Of its own: afterwards nothing would be left to do the other tests' jobs.
    const fleet = await startWorld({ workers: 2 });
    onTestFinished(() => fleet.stop());
    const { page, complained } = await openSignedIn(fleet);
    await visit(page, fleet, "workers");
    const card = (name: string) => page.getByRole("listitem").filter({ hasText: name });
    await page.getByRole("button", { name: "Drain local-1" }).click();
    await card("local-1").getByText("draining", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Revoke local-2" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("its token never works again").waitFor();
    await dialog.getByRole("button", { name: "Revoke the worker" }).click();
    await dialog.waitFor({ state: "detached" });
    await card("local-2").waitFor({ state: "detached" });
    const { workers } = await fleet.host.client.listWorkers({});
    expect(workers.map(({ name, state }) => [name, state])).toEqual([["local-1", "draining"]]);
    expect(complained()).toEqual([]);
  }, 60_000);
});
