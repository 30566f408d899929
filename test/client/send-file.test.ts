import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ApiClient } from "../../client/client.ts";
import { ApiFailure } from "../../client/failure.ts";
import {
  type BegunUpload,
  type FileSource,
  type PartAnswer,
  type PartRequest,
  type SendFileOptions,
  sendFile,
} from "../../client/send-file.ts";

const PART = 4;
const FILE = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]);

const source: FileSource = {
  filename: "a.mp4",
  size: FILE.length,
  slice: async (start, end) => FILE.slice(start, end),
};

/** The upload routes, over a real socket; parts go through `sendPart`, as each test has it. */
let server: Server;
let client: ApiClient;
let arrived: { partNumber: number; etag: string; size: number }[];
let completed: unknown;
let mode: "proxied" | "direct";

beforeEach(async () => {
  arrived = [];
  completed = null;
  mode = "proxied";
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      const answer = answerTo(`${request.method} ${request.url}`, body);
      response.writeHead(answer === null ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  client = new ApiClient({ url: `http://127.0.0.1:${port}`, key: "tlk_test" });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function answerTo(request: string, body: string): unknown {
  const upload = { uploadId: "upl_1", videoId: "vid_1", partSize: PART, partCount: 3, mode };
  switch (request) {
    case "POST /v1/uploads":
      return upload;
    case "GET /v1/uploads/upl_1":
      return { ...upload, size: FILE.length, parts: mode === "direct" ? [] : arrived };
    case "POST /v1/uploads/upl_1/part-urls": {
      const [partNumber] = (JSON.parse(body) as { partNumbers: number[] }).partNumbers;
      return {
        parts: [{ partNumber, url: `https://store.test/${partNumber}?signed`, size: PART }],
      };
    }
    case "POST /v1/uploads/upl_1/complete":
      completed = JSON.parse(body);
      return { videoId: "vid_1" };
    default:
      return null;
  }
}

const partOf = (url: string) => Number(/(\d+)(?:\?.*)?$/.exec(url)?.[1]);

function accept({ url, body }: PartRequest): PartAnswer {
  const partNumber = partOf(url);
  const size = body instanceof Blob ? body.size : body.byteLength;
  const etag = `e${partNumber}`;
  arrived.push({ partNumber, etag, size });
  return { status: 200, etag, text: JSON.stringify({ partNumber, etag, size }) };
}

const refuse = (status: number): PartAnswer => ({ status, etag: null, text: "no" });

/** Sends the file; pauses between tries take no time, and are counted. */
async function send(options: Partial<SendFileOptions> = {}) {
  const pauses: number[] = [];
  const states: BegunUpload[] = [];
  const sent: number[] = [];
  const video = await sendFile(client, source, {
    sendPart: async (request) => accept(request),
    wait: async (milliseconds) => {
      pauses.push(milliseconds);
    },
    onState: (upload) => states.push(upload),
    onSent: (bytes) => sent.push(bytes),
    ...options,
  });
  return { video, pauses, states, sent };
}

const whole = {
  parts: [1, 2, 3].map((partNumber) => ({ partNumber, etag: `e${partNumber}` })),
};

describe("a file sent in parts", () => {
  test("arrives whole, in parts of the size asked for, and is completed with their ETags", async () => {
    const { video, states, sent } = await send();
    expect(video.videoId).toBe("vid_1");
    expect(arrived.map(({ size }) => size).sort()).toEqual([1, 4, 4]);
    expect(completed).toEqual(whole);
    expect(states.map(({ parts }) => parts.length)).toEqual([0, 1, 2, 3]);
    expect(sent.at(-1)).toBe(FILE.length);
  });

  test("goes on where it was, and sends nothing twice", async () => {
    const first = await send({ concurrency: 1 }).then(({ states }) => states[2]);
    if (first === undefined) throw new Error("no state");
    arrived = [...first.parts];
    const asked: number[] = [];
    await send({
      begun: first,
      sendPart: async (request) => {
        asked.push(partOf(request.url));
        return accept(request);
      },
    });
    expect(asked).toEqual([3]);
    expect(completed).toEqual(whole);
  });

  test("is not mixed with another file of the upload", async () => {
    const { states } = await send();
    const begun = states[0];
    if (begun === undefined) throw new Error("no state");
    const other: FileSource = { ...source, size: FILE.length + 1 };
    await expect(
      sendFile(client, other, { sendPart: async (request) => accept(request), begun }),
    ).rejects.toThrow("This is not the file that the upload began with.");
  });

  test("tries a part again where the line breaks or the server is in trouble, at growing pauses", async () => {
    let tries = 0;
    const { pauses } = await send({
      concurrency: 1,
      sendPart: async (request) => {
        tries++;
        if (tries === 1) throw new TypeError("The connection broke.");
        if (tries === 2) return refuse(503);
        if (tries === 3) return refuse(429);
        return accept(request);
      },
    });
    expect(pauses).toEqual([500, 1000, 2000]);
    expect(completed).toEqual(whole);
  });

  test("gives up in the end, with the last failure", async () => {
    const pauses: number[] = [];
    const failing = send({
      concurrency: 1,
      sendPart: async () => refuse(500),
      wait: async (milliseconds) => {
        pauses.push(milliseconds);
      },
    });
    await expect(failing).rejects.toMatchObject({ name: "ApiFailure", status: 500 });
    expect(pauses).toHaveLength(8);
    expect(completed).toBeNull();
  });

  test("does not try again what is refused for good, and ends the other parts first", async () => {
    const ended: number[] = [];
    const failing = send({
      concurrency: 3,
      sendPart: (request) =>
        partOf(request.url) === 2
          ? Promise.resolve(refuse(409))
          : new Promise((_, reject) => {
              request.signal.addEventListener("abort", () => {
                ended.push(partOf(request.url));
                reject(request.signal.reason);
              });
            }),
    });
    await expect(failing).rejects.toThrow(ApiFailure);
    expect(ended.sort()).toEqual([1, 3]);
  });

  test("stops when told to, and keeps what has arrived", async () => {
    const stop = new AbortController();
    const states: BegunUpload[] = [];
    const stopped = send({
      concurrency: 1,
      signal: stop.signal,
      onState: (upload) => {
        states.push(upload);
        if (upload.parts.length === 1) stop.abort(new Error("paused"));
      },
    });
    await expect(stopped).rejects.toThrow("paused");
    expect(states.at(-1)?.parts).toEqual([{ partNumber: 1, etag: "e1", size: PART }]);
    expect(completed).toBeNull();
  });

  test("goes to the store itself in direct mode, without a credential of ours", async () => {
    mode = "direct";
    const requests: PartRequest[] = [];
    await send({
      sendPart: async (request) => {
        requests.push(request);
        return { status: 200, etag: `"e${partOf(request.url)}"`, text: "" };
      },
    });
    expect(requests.map(({ url }) => new URL(url).host)).toEqual(Array(3).fill("store.test"));
    expect(requests.flatMap(({ headers }) => Object.keys(headers))).toEqual([]);
    expect(completed).toEqual({
      parts: [1, 2, 3].map((partNumber) => ({ partNumber, etag: `"e${partNumber}"` })),
    });
  });

  test("says what is amiss where the store hides its ETags", async () => {
    mode = "direct";
    const hidden = send({ sendPart: async () => ({ status: 200, etag: null, text: "" }) });
    await expect(hidden).rejects.toThrow("its CORS rules must expose that header");
  });
});
