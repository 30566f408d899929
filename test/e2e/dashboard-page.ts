/** The dashboard in a browser, as tests use it: signed in, listened to, played. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFile(require.resolve("axe-core/axe.min.js"), "utf8");

export interface Dashboard {
  readonly page: Page;
  /** What the page complained of since it was last asked. */
  complained(): readonly string[];
  /** Hosts that the page spoke to. */
  readonly hosts: ReadonlySet<string>;
}

/** Opens the dashboard in a context of its own, signed out. */
export async function openDashboard(browser: Browser, url: string): Promise<Dashboard> {
  let complaints: string[] = [];
  const hosts = new Set<string>();
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.goto(url);
  return {
    page,
    hosts,
    complained: () => {
      const told = complaints;
      complaints = [];
      return told;
    },
  };
}

export async function signIn(on: Page, key: string): Promise<void> {
  await on.getByLabel("API key").fill(key);
  await on.getByRole("button", { name: "Sign in" }).click();
  await on.getByRole("heading", { name: "New job" }).waitFor();
}

/**
 * Plays the video of this label, muted and so many times as fast as it was made, until it is past `seconds` or, without
 * them, has ended; answers where it then stands, in seconds. A failure of the element rejects.
 */
export async function play(
  on: Page,
  label: string,
  { seconds = Number.POSITIVE_INFINITY, rate = 1 }: { seconds?: number; rate?: number } = {},
): Promise<number> {
  await on.getByLabel(label).waitFor();
  // An expression, not a function: a function given as text is never called.
  const at: unknown = await on.evaluate(`new Promise((resolve, reject) => {
    const video = document.querySelector(${JSON.stringify(`video[aria-label="${label}"]`)});
    const done = () => resolve(video.currentTime);
    video.muted = true;
    video.defaultPlaybackRate = video.playbackRate = ${rate};
    video.addEventListener("error", () => reject(new Error(video.error.message)));
    video.addEventListener("ended", done);
    video.addEventListener("timeupdate", () => { if (video.currentTime > ${seconds}) done(); });
    video.play().catch(reject);
  })`);
  if (typeof at !== "number") throw new Error(`${label} was not played: ${String(at)}`);
  return at;
}

/** A box that players pass over: makes a small clip a file of several parts. */
export function padding(bytes: number): Buffer {
  const box = Buffer.alloc(bytes);
  box.writeUInt32BE(bytes, 0);
  box.write("free", 4, "latin1");
  return box;
}

/**
 * Begins to upload a file of two parts, of which the second is held on its way until its route is free again. @returns the
 * numbers of the parts that are asked for, which goes on growing
 */
export async function uploadWithoutPart2(page: Page, file: string): Promise<string[]> {
  const sent: string[] = [];
  page.on("request", (request) => {
    const part = /\/parts\/(\d+)$/.exec(request.url())?.[1];
    if (part !== undefined) sent.push(part);
  });
  await page.route("**/parts/2", () => undefined);
  await page.getByLabel("Video file").setInputFiles(file);
  await page.getByText("1 of 2 parts").waitFor();
  return sent;
}

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe-core finds on the page as it is. The page's policy binds its scripts, not its debugger. */
export async function violations(on: Page, rules?: readonly string[]): Promise<readonly string[]> {
  // Colours are judged where they have come to rest; what turns for ever has no end.
  await on.evaluate(
    "for (const a of document.getAnimations()) if (a.playState !== 'idle') a.cancel()",
  );
  await on.evaluate(await axe);
  const options = JSON.stringify(rules === undefined ? {} : { runOnly: rules });
  const run = `axe.run(${options}).then((result) => result.violations)`;
  const found = (await on.evaluate(run)) as Violation[];
  return found.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${impact} ${id}: ${html}\n${failureSummary}`),
  );
}
