import { request as httpRequest } from "node:http";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { Agent } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { createGrantHolder } from "../../worker-node/grants.ts";
import { BLOCK_BYTES, createBlockReader } from "../../worker-node/source/block-reader.ts";
import { edgeInput } from "../../worker-node/source/edge-input.ts";
import { createPortions } from "../../worker-node/source/portions.ts";
import { startSourceServer } from "../../worker-node/source/server.ts";
import { SourceError, type Upstream } from "../../worker-node/source/upstream.ts";
import { type Handler, patternBytes, sendRange, serve } from "./support/http-server.ts";
import { grantOf } from "./support/messages.ts";

const BYTES = patternBytes(3_000_001);

/** An edge with the handler, and the loopback source in front of it. */
async function loopback(
  handler: Handler,
  limits: { patienceMs?: number; grantWaitMs?: number } = {},
) {
  const edgeUrl = await serve(handler);
  const dispatcher = new Agent();
  const grant = createGrantHolder(grantOf("/v1/leases/old"));
  const server = await startSourceServer();
  onTestFinished(async () => {
    await server.close();
    await dispatcher.destroy();
  });
  const input = server.serve(
    edgeInput({
      dispatcher,
      edgeUrl,
      grant,
      key: "in_1",
      sizeBytes: BYTES.length,
      contentType: "video/mp4",
      ...limits,
    }),
  );
  return { input, grant, server };
}

async function read(url: string, range?: string): Promise<{ status: number; body: Buffer }> {
  const response = await fetch(url, range === undefined ? {} : { headers: { range } });
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
}

describe("the loopback source", () => {
  test("serves exactly the bytes of any range", async () => {
    const { input } = await loopback((request, response) => sendRange(BYTES, request, response));
    const bound = fc.nat(BYTES.length - 1);
    await fc.assert(
      fc.asyncProperty(bound, bound, async (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a];
        const { status, body } = await read(input.url, `bytes=${start}-${end}`);
        expect(status).toBe(206);
        expect(body.equals(BYTES.subarray(start, end + 1))).toBe(true);
      }),
      { numRuns: 40 },
    );
    const whole = await read(input.url);
    expect(whole.status).toBe(200);
    expect(whole.body.equals(BYTES)).toBe(true);
    expect(input.bytesServed()).toBeGreaterThanOrEqual(BYTES.length);
    expect(input.failure()).toBeNull();
  });

  test("answers HEAD, open ends, suffixes and what lies beyond the end", async () => {
    const { input } = await loopback((request, response) => sendRange(BYTES, request, response));
    const head = await fetch(input.url, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(BYTES.length));
    expect(head.headers.get("accept-ranges")).toBe("bytes");
    expect((await read(input.url, `bytes=${BYTES.length - 7}-`)).body).toHaveLength(7);
    expect((await read(input.url, "bytes=-9")).body.equals(BYTES.subarray(-9))).toBe(true);
    expect((await read(input.url, `bytes=${BYTES.length}-`)).status).toBe(416);
    expect((await fetch(input.url, { method: "POST" })).status).toBe(405);
  });

  test("only the whole unguessable path opens an input, and only until it is closed", async () => {
    const { input } = await loopback((request, response) => sendRange(BYTES, request, response));
    expect(new URL(input.url).hostname).toBe("127.0.0.1");
    expect(new URL(input.url).pathname.length).toBeGreaterThanOrEqual(43);
    expect((await read(input.url.slice(0, -1))).status).toBe(404);
    expect((await read(new URL("/", input.url).href)).status).toBe(404);
    input.close();
    expect((await read(input.url)).status).toBe(404);
  });

  test("a reader notices nothing of resets, 503s and answers cut short", async () => {
    let calls = 0;
    const { input } = await loopback((request, response) => {
      calls += 1;
      if (calls % 4 === 1) request.socket.destroy();
      else if (calls % 4 === 2) response.writeHead(503).end("{}");
      else if (calls % 4 === 3) {
        const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1]);
        response.writeHead(206, {
          "content-length": 200_000,
          "content-range": `bytes ${start}-${start + 199_999}/${BYTES.length}`,
        });
        response.write(BYTES.subarray(start, start + 50_000), () => request.socket.destroy());
      } else sendRange(BYTES, request, response);
    });
    const { body } = await read(input.url);
    expect(body.equals(BYTES)).toBe(true);
    expect(input.failure()).toBeNull();
  });

  test("a refused grant waits for its renewal and reads on under it", async () => {
    const seen: string[] = [];
    let renew = () => {};
    const { input, grant } = await loopback((request, response) => {
      seen.push(request.url ?? "");
      if (request.url?.startsWith("/v1/leases/new/") === true) {
        sendRange(BYTES, request, response);
      } else {
        response.writeHead(401).end("{}", () => renew());
      }
    });
    renew = () => grant.renew(grantOf("/v1/leases/new"));
    expect((await read(input.url)).body.equals(BYTES)).toBe(true);
    expect(seen[0]).toBe("/v1/leases/old/inputs/in_1");
  });

  test.each([
    [401, true],
    [403, true],
    [404, false],
  ])("status %i ends in a typed failure that names it", async (status, retryable) => {
    const { input } = await loopback((_request, response) => response.writeHead(status).end(), {
      grantWaitMs: 1,
    });
    expect((await read(input.url)).status).toBe(502);
    expect(input.failure()).toEqual({
      detail: `Input 'in_1' could not be read from the edge: status ${status}.`,
      retryable,
    });
  });

  test("a source that stays away is given up after its patience, as one to try again", async () => {
    const { input } = await loopback((_request, response) => response.writeHead(500).end(), {
      patienceMs: 0,
    });
    expect((await read(input.url)).status).toBe(502);
    expect(input.failure()).toMatchObject({ retryable: true });
  });

  test("a reader that closes stops what is fetched for it", async () => {
    const fetched = Promise.withResolvers<void>();
    let sentBytes = 0;
    const { input } = await loopback((request, response) => {
      // Gives a little at a time and no end, so that the fetch can only be stopped.
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1]);
      response.once("close", () => fetched.resolve());
      response.writeHead(206, {
        "content-length": BYTES.length - start,
        "content-range": `bytes ${start}-${BYTES.length - 1}/${BYTES.length}`,
      });
      response.write(BYTES.subarray(start, start + 300_000));
      sentBytes += 300_000;
    });
    const reader = httpRequest(input.url, (response) => {
      response.once("data", () => response.destroy());
    });
    reader.on("error", () => {});
    reader.end();
    await fetched.promise;
    expect(sentBytes).toBeLessThan(BYTES.length);
    expect(input.failure()).toBeNull();
  });
});

/** Reads on as ffmpeg does: from where an answer ended, until `end`. */
async function readOn(url: string, start: number, end: number) {
  const pieces: Buffer[] = [];
  let position = start;
  while (position < end) {
    const { status, body } = await read(url, `bytes=${position}-`);
    if (status !== 206 || body.length === 0) return { status, pieces };
    pieces.push(body);
    position += body.length;
  }
  return { status: 206, pieces };
}

describe("a reader that is expected to need a span", () => {
  const spans = fc.record({
    from: fc.oneof(fc.nat(BYTES.length), fc.constantFrom(0, Number.MAX_SAFE_INTEGER)),
    to: fc.oneof(fc.nat(BYTES.length), fc.constantFrom(0, Number.MAX_SAFE_INTEGER)),
  });

  test("gets every byte that it asks for, whatever was expected, in few answers", async () => {
    const { input } = await loopback((request, response) => sendRange(BYTES, request, response));
    await fc.assert(
      fc.asyncProperty(spans, fc.nat(BYTES.length - 1), async (span, start) => {
        const { pieces } = await readOn(input.urlFor(span), start, BYTES.length);
        expect(Buffer.concat(pieces).equals(BYTES.subarray(start))).toBe(true);
        // 12 blocks: 1 + 2 + 4 + 8 of them before the span, as many beyond it.
        expect(pieces.length).toBeLessThanOrEqual(9);
      }),
      { numRuns: 60 },
    );
  });

  test("gets it in one answer, and one that begins elsewhere little at first", async () => {
    const { upstream, spans: fetched } = recorded(BYTES);
    const server = await startSourceServer();
    onTestFinished(() => server.close());
    const input = server.serve(upstream);
    const span = { from: 5 * BLOCK_BYTES + 9, to: 9 * BLOCK_BYTES + 9 };
    const url = input.urlFor(span);
    const answer = await fetch(url, { headers: { range: `bytes=${span.from}-` } });
    const end = 10 * BLOCK_BYTES;
    const range = `bytes ${span.from}-${end - 1}/${BYTES.length}`;
    expect(answer.headers.get("content-range")).toBe(range);
    const body = Buffer.from(await answer.arrayBuffer());
    expect(body.equals(BYTES.subarray(span.from, end))).toBe(true);
    expect(fetched).toEqual([{ offset: 5 * BLOCK_BYTES, length: 5 * BLOCK_BYTES }]);
    for (const [start, blocks] of [
      [0, 1],
      [BLOCK_BYTES, 2],
      [0, 1],
      [end, 1],
    ] as const) {
      const { body } = await read(url, `bytes=${start}-`);
      expect(body.length, `from ${start}`).toBe(blocks * BLOCK_BYTES);
    }
    expect((await read(url)).body).toHaveLength(BYTES.length);
    input.close();
    expect((await read(url, "bytes=0-")).status).toBe(404);
  });

  test("is told at once of a source that failed it, and does not wait for it twice", async () => {
    let asked = 0;
    const { input } = await loopback(
      (_request, response) => {
        asked += 1;
        response.writeHead(404).end();
      },
      { patienceMs: 0 },
    );
    const url = input.urlFor({ from: 0, to: BYTES.length });
    expect((await read(url, "bytes=0-")).status).toBe(502);
    expect((await read(url, "bytes=0-")).status).toBe(502);
    expect(asked).toBe(1);
  });
});

test("a portion is never empty, never more than was asked for, and what is in vain is less than was needed", () => {
  const block = 4_096;
  const size = 5_000 * block;
  const anyNumber = fc.oneof(fc.nat(size), fc.nat(), fc.maxSafeNat());
  fc.assert(
    fc.property(anyNumber, anyNumber, fc.nat(size - 1), fc.nat(size), (from, to, start, length) => {
      const portions = createPortions({ from, to }, block);
      const end = Math.min(size, start + length + 1);
      let [position, answers] = [start, 0];
      while (position < end) {
        const stop = portions.next(position, size);
        expect(stop).toBeGreaterThan(position);
        expect(stop).toBeLessThanOrEqual(size);
        position = stop;
        answers += 1;
      }
      // 4,095 blocks are twelve doublings, once before the span and once behind it.
      expect(answers).toBeLessThanOrEqual(28);
      const beyond = position - Math.max(end, Math.min(size, to));
      expect(beyond).toBeLessThanOrEqual(end - start + 2 * block);
    }),
  );
});

/** An upstream in memory that writes down what it is asked for. */
function recorded(bytes: Buffer) {
  const spans: { offset: number; length: number }[] = [];
  const upstream: Upstream = {
    sizeBytes: bytes.length,
    contentType: "video/mp4",
    isAwaited: () => false,
    async *read(offset, length, signal) {
      spans.push({ offset, length });
      for (let at = offset; at < offset + length; at += 1_000) {
        signal.throwIfAborted();
        yield bytes.subarray(at, Math.min(at + 1_000, offset + length));
      }
    },
  };
  return { upstream, spans };
}

describe("blocks", () => {
  const options = { blockBytes: 4_096, maxSpanBlocks: 8, maxCachedBlocks: 16 };
  const never = new AbortController().signal;

  test("a reader that looks at the head costs a block, not the file", async () => {
    const { upstream, spans } = recorded(BYTES);
    for await (const _ of createBlockReader(upstream, options).stream(0, BYTES.length, never))
      break;
    expect(spans).toEqual([{ offset: 0, length: 4_096 }]);
  });

  test("what is fetched at once grows as a reader reads on, to its limit", async () => {
    const { upstream, spans } = recorded(BYTES);
    const stream = createBlockReader(upstream, options).stream(0, 200 * 4_096, never);
    expect((await buffer(stream)).equals(BYTES.subarray(0, 200 * 4_096))).toBe(true);
    const blocks = spans.map(({ length }) => length / 4_096);
    expect(blocks.slice(0, 4)).toEqual([1, 2, 4, 8]);
    expect(Math.max(...blocks)).toBe(8);
    expect(blocks.reduce((sum, count) => sum + count, 0)).toBe(200);
  });

  test("for a reader that will read to the end as much as may be is fetched at once", async () => {
    const { upstream, spans } = recorded(BYTES);
    const stream = createBlockReader(upstream, options).stream(100, 20 * 4_096, never, true);
    expect((await buffer(stream)).equals(BYTES.subarray(100, 20 * 4_096))).toBe(true);
    expect(spans.map(({ length }) => length / 4_096)).toEqual([8, 8, 4]);
  });

  test("nothing beyond the asked-for end is fetched, but for the rest of its block", async () => {
    const { upstream, spans } = recorded(BYTES);
    await buffer(createBlockReader(upstream, options).stream(10_000, 30_000, never));
    const end = Math.max(...spans.map(({ offset, length }) => offset + length));
    expect(end).toBe(Math.ceil(30_000 / 4_096) * 4_096);
  });

  test("a head that is read again comes from memory", async () => {
    const { upstream, spans } = recorded(BYTES);
    const reader = createBlockReader(upstream, options);
    await buffer(reader.stream(0, 8_192, never));
    const asked = spans.length;
    expect(
      (await buffer(reader.stream(100, 8_000, never))).equals(BYTES.subarray(100, 8_000)),
    ).toBe(true);
    expect(spans).toHaveLength(asked);
  });

  test("readers that share blocks do not suffer when the one that fetched them closes", async () => {
    const { upstream } = recorded(BYTES);
    const reader = createBlockReader(upstream, options);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ start: fc.nat(200_000), pieces: fc.nat(6) }), { maxLength: 6 }),
        async (quitters) => {
          const quit = async ({ start, pieces }: { start: number; pieces: number }) => {
            let seen = 0;
            for await (const _ of reader.stream(start, BYTES.length, never)) {
              if (seen >= pieces) break;
              seen += 1;
            }
          };
          const [whole] = await Promise.all([
            buffer(reader.stream(0, 250_000, never)),
            ...quitters.map(quit),
          ]);
          expect(whole.equals(BYTES.subarray(0, 250_000))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("a source that fails is reported to every reader that waits for it", async () => {
    const failure = { detail: "gone", retryable: false };
    const upstream: Upstream = {
      ...recorded(BYTES).upstream,
      async *read() {
        yield BYTES.subarray(0, 10);
        throw new SourceError(failure);
      },
    };
    const reader = createBlockReader(upstream, options);
    const results = await Promise.allSettled([
      buffer(reader.stream(0, 100, never)),
      buffer(reader.stream(50, 100, never)),
    ]);
    expect(results).toMatchObject([{ reason: { failure } }, { reason: { failure } }]);
  });
});
