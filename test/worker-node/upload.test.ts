import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "undici";
import { expect, onTestFinished, test } from "vitest";
import type { GrantCalls } from "../../worker-node/grant-call.ts";
import { createGrantHolder } from "../../worker-node/grants.ts";
import { uploadOutput } from "../../worker-node/upload.ts";
import { type Handler, patternBytes, readBody, serve } from "./support/http-server.ts";
import { grantOf } from "./support/messages.ts";

const BYTES = patternBytes(1_000_000);
const PART = 300_000;
const sha256 = createHash("sha256").update(BYTES).digest("hex");
const md5 = (bytes: Buffer) => createHash("md5").update(bytes).digest("hex");

/** Uploads `BYTES` to a server with the handler. */
async function upload(handler: Handler, limits: Partial<GrantCalls> = {}) {
  const edgeUrl = await serve(handler);
  const dir = await mkdtemp(join(tmpdir(), "telecine-upload-"));
  const file = join(dir, "out.mp4");
  await writeFile(file, BYTES);
  const dispatcher = new Agent();
  onTestFinished(async () => {
    await dispatcher.destroy();
    await rm(dir, { recursive: true });
  });
  const grant = createGrantHolder(grantOf("/v1/leases/old"));
  const stopped = new AbortController();
  let moved = 0;
  const result = uploadOutput(
    { dispatcher, edgeUrl, grant, signal: stopped.signal, patienceMs: 0, minTries: 6, ...limits },
    {
      key: "out_1",
      filename: "result.mp4",
      contentType: "video/mp4",
      file,
      sizeBytes: BYTES.length,
      onBytes: (count) => {
        moved += count;
      },
    },
  );
  return { result, grant, stop: () => stopped.abort(), moved: () => moved };
}

/** A store behind `protocol/grants.ts`; `before` may answer instead of it. */
function store(kind: "single" | "multipart", before: Handler = () => {}) {
  const objects = new Map<string, Buffer>();
  const calls: string[] = [];
  const handler: Handler = async (request, response) => {
    calls.push(`${request.method} ${request.url}`);
    const body = await readBody(request).catch(() => null);
    if (body === null) return;
    before(request, response);
    if (response.writableEnded || response.destroyed || response.headersSent) return;
    const base = (request.url ?? "").split("/").slice(0, 4).join("/");
    const place = `${base}/outputs/result.mp4`;
    if (request.method === "PUT") {
      objects.set((request.url ?? "").replace(/.*outputs\//, ""), body);
      response.end(JSON.stringify({ etag: md5(body) }));
    } else if (request.url?.endsWith("/part-urls")) {
      const { from, count } = JSON.parse(body.toString());
      const numbers = Array.from({ length: count }, (_, index) => from + index);
      response.end(JSON.stringify({ partUrls: numbers.map((n) => `${place}/parts/${n}`) }));
    } else if (kind === "single") {
      response.end(JSON.stringify({ kind, url: place, headers: { "if-none-match": "*" } }));
    } else {
      response.end(
        JSON.stringify({
          kind,
          uploadId: "up-1",
          partSizeBytes: PART,
          // Too few: the rest has to be asked for.
          partUrls: [`${place}/parts/1`],
          morePartUrls: `${place}/part-urls`,
        }),
      );
    }
  };
  return { handler, objects, calls };
}

test("a single put carries the bytes, the signed headers and the checksum's truth", async () => {
  const seen: unknown[] = [];
  const { handler, objects } = store("single", (request) => {
    if (request.method === "PUT") {
      const { "if-none-match": absent, "content-length": length } = request.headers;
      const { "content-type": type, "content-digest": digest } = request.headers;
      seen.push({ absent, length, type, digest });
    }
  });
  const { result, moved } = await upload(handler);
  expect(await result).toEqual({
    status: "ok",
    sha256,
    stored: { kind: "single", etag: md5(BYTES) },
  });
  expect(objects.get("result.mp4")?.equals(BYTES)).toBe(true);
  const digest = `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`;
  expect(seen).toEqual([{ absent: "*", length: "1000000", type: "video/mp4", digest }]);
  expect(moved()).toBe(BYTES.length);
});

test("parts join to the file, whatever order they went up in", async () => {
  const { handler, objects } = store("multipart");
  const result = await (await upload(handler)).result;
  const parts = [1, 2, 3, 4].map((n) => objects.get(`result.mp4/parts/${n}`) ?? Buffer.alloc(0));
  expect(parts.map(({ length }) => length)).toEqual([PART, PART, PART, 100_000]);
  expect(Buffer.concat(parts).equals(BYTES)).toBe(true);
  expect(result).toEqual({
    status: "ok",
    sha256,
    stored: {
      kind: "multipart",
      uploadId: "up-1",
      parts: parts.map((part, index) => ({ partNumber: index + 1, etag: md5(part) })),
    },
  });
});

test.each(["single", "multipart"] as const)(
  "a %s upload survives resets and 5xx on every kind of call",
  async (kind) => {
    const failures = new Map<string, number>();
    const { handler, objects } = store(kind, (request, response) => {
      const call = `${request.method} ${request.url}`;
      const count = failures.get(call) ?? 0;
      failures.set(call, count + 1);
      if (count === 0) response.writeHead(503).end("{}");
      else if (count === 1) request.socket.destroy();
    });
    expect((await (await upload(handler)).result).status).toBe("ok");
    expect(
      Buffer.concat(
        [...objects.keys()].sort().map((key) => objects.get(key) ?? Buffer.alloc(0)),
      ).equals(BYTES),
    ).toBe(true);
  },
);

/** A store whose put is refused because the object is there, with this ETag. */
function alreadyThere(etag: string): Handler {
  let puts = 0;
  return store("single", (request, response) => {
    if (request.method === "HEAD") response.writeHead(200, { etag: `"${etag}"` }).end();
    if (request.method !== "PUT") return;
    puts += 1;
    if (puts === 1) request.socket.destroy();
    else response.writeHead(412).end("{}");
  }).handler;
}

test("a put whose answer was lost is found to be there already", async () => {
  expect(await (await upload(alreadyThere(md5(BYTES)))).result).toEqual({
    status: "ok",
    sha256,
    stored: { kind: "single", etag: md5(BYTES) },
  });
});

test("other bytes under the output's name are never taken for it", async () => {
  expect(await (await upload(alreadyThere(md5(Buffer.from("other"))))).result).toEqual({
    status: "failed",
    detail: "'result.mp4', found in the store, has other bytes",
    retryable: true,
  });
});

test.each(["single", "multipart"] as const)(
  "a %s upload whose grant expired goes on under the renewed one",
  async (kind) => {
    let renew = () => {};
    const { handler, calls } = store(kind, (request, response) => {
      if (request.method === "PUT" && request.url?.startsWith("/v1/leases/old/")) {
        response.writeHead(401).end("{}", () => renew());
      }
    });
    const { result, grant } = await upload(handler);
    renew = () => {
      if (grant.version() === 0) grant.renew(grantOf("/v1/leases/new"));
    };
    expect((await result).status).toBe("ok");
    expect(calls.at(-1)).toMatch(/^PUT \/v1\/leases\/new\//);
  },
);

test("a part that begins after a renewal, with a URL of before, waits for no other renewal", async () => {
  const opened = Promise.withResolvers<Awaited<ReturnType<typeof upload>>["grant"]>();
  const refused: string[] = [];
  const { handler } = store("multipart", (request, response) => {
    const url = request.url ?? "";
    const place = "/v1/leases/old/outputs/result.mp4";
    if (url.endsWith("/outputs")) {
      // All that there are, so that the last part has one of before the renewal, too.
      const partUrls = [1, 2, 3, 4].map((part) => `${place}/parts/${part}`);
      const morePartUrls = `${place}/part-urls`;
      const begun = { kind: "multipart", uploadId: "up-1", partSizeBytes: PART };
      response.end(JSON.stringify({ ...begun, partUrls, morePartUrls }));
    } else if (url === `${place}/parts/4`) {
      refused.push(url);
      response.writeHead(401).end("{}");
    }
  });
  const { result, grant } = await upload(
    async (request, response) => {
      const first = await opened.promise;
      if (request.method === "PUT" && first.version() === 0) first.renew(grantOf("/v1/leases/new"));
      await handler(request, response);
    },
    { grantWaitMs: 1 },
  );
  opened.resolve(grant);
  expect((await result).status).toBe("ok");
  expect(refused).toHaveLength(1);
});

test("a lost lease ends the upload as soon as it is said", async () => {
  const reached = Promise.withResolvers<void>();
  const { handler } = store("single", (request, response) => {
    if (request.method === "PUT") response.writeHead(401).end("{}", () => reached.resolve());
  });
  const { result, stop } = await upload(handler);
  await reached.promise;
  stop();
  expect(await result).toEqual({ status: "aborted" });
});

test("a grant that is refused and not renewed ends the upload", async () => {
  const { handler } = store("single", (_request, response) => response.writeHead(401).end("{}"));
  expect(await (await upload(handler, { grantWaitMs: 1 })).result).toMatchObject({
    status: "failed",
    detail: "begin of 'result.mp4': status 401",
    retryable: true,
  });
});

test("a refusal for good says what the edge said", async () => {
  const answer = {
    success: false,
    message: "The file is too large.",
    error: {
      code: "FILE_TOO_LARGE",
      message: "The file is too large.",
      detail: "Outputs may have 5 bytes.",
      retryable: false,
      requestId: "r",
    },
  };
  const { handler, calls } = store("single", (_request, response) =>
    response.writeHead(413).end(JSON.stringify(answer)),
  );
  expect(await (await upload(handler)).result).toEqual({
    status: "failed",
    detail: "begin of 'result.mp4': status 413, Outputs may have 5 bytes.",
    retryable: false,
  });
  expect(calls).toHaveLength(1);
});

test("trouble that does not pass ends when patience does", async () => {
  const { handler, calls } = store("single", (_request, response) => response.writeHead(500).end());
  const result = await (await upload(handler, { minTries: 2 })).result;
  expect(result).toMatchObject({ status: "failed", retryable: true });
  expect(calls).toHaveLength(2);
});
