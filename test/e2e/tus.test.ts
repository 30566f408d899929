/** An unmodified tus client against the running service: it uploads, is cut off, and goes on. */
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import path from "node:path";
import * as tus from "tus-js-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, launchChromium } from "./browser.ts";
import { startWorld, type World } from "./telecine.ts";

const packed = path.resolve(
  createRequire(import.meta.url).resolve("tus-js-client/package.json"),
  "../dist/tus.min.js",
);

const KEY = "tus-client-root-key-0123456789";

let world: World;
let file: Buffer;
beforeAll(async () => {
  world = await startWorld({ workers: 0, environment: { ROOT_API_KEY: KEY } });
  const clip = await readFile(
    await world.makeClip("clip.mp4", ["-f", "lavfi", "-i", "testsrc2=duration=1"]),
  );
  // A `free` box makes a real clip larger than two parts.
  const filling = randomBytes(18_000_000);
  const head = Buffer.from([0, 0, 0, 0, 0x66, 0x72, 0x65, 0x65]);
  head.writeUInt32BE(head.length + filling.length);
  file = Buffer.concat([clip, head, filling]);
}, 60_000);
afterAll(() => world.stop());

interface Run {
  readonly chunkSize?: number;
  readonly uploadUrl?: string;
  /** Cut the connection once so many bytes are gone. */
  readonly abortAt?: number;
}

/** The URL of the upload, and whether it was finished. */
function send(run: Run): Promise<{ readonly url: string; readonly isDone: boolean }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ url: string; isDone: boolean }>();
  const upload = new tus.Upload(file, {
    endpoint: `${world.host.url}/v1/tus`,
    ...(run.uploadUrl === undefined ? {} : { uploadUrl: run.uploadUrl }),
    ...(run.chunkSize === undefined ? {} : { chunkSize: run.chunkSize }),
    headers: { authorization: `Bearer ${KEY}` },
    metadata: { filename: "clip.mp4", filetype: "video/mp4" },
    onError: reject,
    onSuccess: () => resolve({ url: upload.url ?? "", isDone: true }),
    onProgress: (sent) => {
      if (run.abortAt === undefined || sent < run.abortAt) return;
      void upload.abort().then(() => resolve({ url: upload.url ?? "", isDone: false }));
    },
  });
  upload.start();
  return promise;
}

async function sha256Of(uploadUrl: string): Promise<string> {
  const { client } = world.host;
  const id = uploadUrl.slice(uploadUrl.lastIndexOf("/") + 1);
  const { videoId } = await client.call<{ videoId: string }>("GET", `/v1/uploads/${id}`);
  const content = await fetch(`${world.host.url}/v1/videos/${videoId}/content`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  return createHash("sha256")
    .update(Buffer.from(await content.arrayBuffer()))
    .digest("hex");
}

const wanted = () => createHash("sha256").update(file).digest("hex");

describe("tus-js-client", () => {
  test("uploads a file in one request, byte for byte", async () => {
    const { url, isDone } = await send({});
    expect(isDone).toBe(true);
    expect(await sha256Of(url)).toBe(wanted());
  });

  test("uploads a file in chunks that are no parts, byte for byte", async () => {
    const { url } = await send({ chunkSize: 3_333_333 });
    expect(await sha256Of(url)).toBe(wanted());
  });

  test.each([
    ["in the middle of its only request", {}],
    ["between chunks", { chunkSize: 4_000_000 }],
  ])("that is cut off %s goes on where it was, byte for byte", async (_, run) => {
    const { url, isDone } = await send({ ...run, abortAt: 9_000_000 });
    expect(isDone).toBe(false);
    const resumed = await send({ uploadUrl: url });
    expect(resumed).toEqual({ url, isDone: true });
    expect(await sha256Of(url)).toBe(wanted());
  });

  test.skipIf(!hasChromium)(
    "sends from a page of another origin, and goes on at once where it was aborted, without trying again",
    async () => {
      const [script, browser] = await Promise.all([readFile(packed), launchChromium()]);
      const pages = createServer((request, response) => {
        const isScript = request.url === "/tus.js";
        response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
        response.end(
          isScript ? script : '<input type="file" id="file"><script src="tus.js"></script>',
        );
      });
      await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
      await page
        .locator("#file")
        .setInputFiles({ name: "clip.mp4", mimeType: "video/mp4", buffer: file });
      const run = async (options: { abortAt?: number; uploadUrl?: string }) =>
        (await page.evaluate(`new Promise((resolve, reject) => {
          const [file] = document.getElementById("file").files;
          const { abortAt = Infinity, ...more } = ${JSON.stringify(options)};
          const upload = new tus.Upload(file, {
            endpoint: "${world.host.url}/v1/tus", retryDelays: null, chunkSize: 3000000, ...more,
            headers: { authorization: "Bearer ${KEY}" }, metadata: { filename: file.name },
            onError: (error) => reject(String(error)),
            onSuccess: () => resolve(upload.url),
            onProgress: (sent) => { if (sent >= abortAt) upload.abort().then(() => resolve(upload.url)); },
          });
          upload.start();
        })`)) as string;
      const uploadUrl = await run({ abortAt: 9_000_000 });
      expect(await run({ uploadUrl })).toBe(uploadUrl);
      expect(await sha256Of(uploadUrl)).toBe(wanted());
      await browser.close();
      pages.close();
    },
    60_000,
  );
});
