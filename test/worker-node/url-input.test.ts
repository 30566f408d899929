import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { createFetchGuard } from "../../worker-node/fetch-guard.ts";
import { type OpenedInput, openUrlInput } from "../../worker-node/source/url-input.ts";
import { type Handler, patternBytes, sendRange, serve } from "./support/http-server.ts";

const BYTES = patternBytes(500_000);
const signal = new AbortController().signal;

async function open(handler: Handler, maxBytes = 1_000_000) {
  const url = await serve(handler);
  const scratchDir = await mkdtemp(join(tmpdir(), "telecine-url-"));
  const guard = createFetchGuard({ allowLoopback: true });
  onTestFinished(async () => {
    await guard.close();
    await rm(scratchDir, { recursive: true });
  });
  let staged = 0;
  const opened = await openUrlInput({
    guard,
    url: new URL("/clip.mp4?token=secret", url).href,
    key: "in_1",
    maxBytes,
    scratchDir,
    signal,
    onBytes: (count) => {
      staged += count;
    },
    patienceMs: 0,
  });
  return { opened, scratchDir, staged: () => staged };
}

function bytesOf(opened: OpenedInput): Promise<Buffer> {
  if (opened.status !== "ok") throw new Error(`opened: ${opened.status}`);
  const { upstream } = opened;
  return buffer(upstream.read(0, upstream.sizeBytes, signal));
}

test("a server with ranges is streamed: nothing is written to scratch", async () => {
  const { opened, scratchDir } = await open((request, response) =>
    sendRange(BYTES, request, response, { "content-type": "video/mp4" }),
  );
  expect(opened).toMatchObject({ upstream: { sizeBytes: BYTES.length, contentType: "video/mp4" } });
  expect((await bytesOf(opened)).equals(BYTES)).toBe(true);
  expect(await readdir(scratchDir)).toEqual([]);
});

test("a server without ranges is copied to scratch, and that counts as movement", async () => {
  const { opened, scratchDir, staged } = await open((_request, response) => response.end(BYTES));
  expect((await bytesOf(opened)).equals(BYTES)).toBe(true);
  expect(await readdir(scratchDir)).toEqual(["in_1.source"]);
  expect(staged()).toBe(BYTES.length);
});

const tooLarge = {
  status: "failed",
  detail: "The input is 1 MB or more. Maximum allowed is 1 MB.",
  retryable: false,
};

test.each<[string, Handler]>([
  ["says so in its range", (request, response) => sendRange(BYTES, request, response)],
  ["says so in its length", (_request, response) => response.end(BYTES)],
  [
    "says nothing and goes on",
    (_request, response) => {
      response.write(BYTES.subarray(0, 10_000));
      response.end(BYTES);
    },
  ],
])("an input over the limit that %s is refused", async (_name, handler) => {
  const { opened } = await open(handler, 100_000);
  expect(opened).toEqual(tooLarge);
});

test.each([
  [401, false],
  [403, false],
  [404, false],
  [410, false],
  [500, true],
  [503, true],
])("status %i is a failure that names it, and it is retryable: %s", async (status, retryable) => {
  const { opened } = await open((_request, response) => response.writeHead(status).end());
  expect(opened).toEqual({
    status: "failed",
    detail: `The input's URL answered with status ${status}.`,
    retryable,
  });
});

test("an empty input is refused", async () => {
  const { opened } = await open((_request, response) => response.end());
  expect(opened).toEqual({ status: "failed", detail: "The input is empty.", retryable: false });
});

test("an input that is replaced while it is read is not mixed", async () => {
  let calls = 0;
  const { opened } = await open((request, response) => {
    calls += 1;
    sendRange(BYTES, request, response, { etag: calls === 1 ? '"one"' : '"two"' });
  });
  await expect(bytesOf(opened)).rejects.toMatchObject({
    failure: { detail: "The input changed while it was read." },
  });
});

test("a copy that breaks off is a failure worth another try", async () => {
  const { opened } = await open((request, response) => {
    response.writeHead(200, { "content-length": BYTES.length });
    response.write(BYTES.subarray(0, 1_000), () => request.socket.destroy());
  });
  expect(opened).toMatchObject({ status: "failed", retryable: true });
});
