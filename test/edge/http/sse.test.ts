import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EventQueue } from "../../../edge/http/event-queue.ts";
import { sseBlock, streamEvents } from "../../../edge/http/sse.ts";
import type { NumberedEvent, ProgressEvent } from "../../../protocol/http/events.ts";
import { StreamReader } from "./event-reader.ts";

const jobId = "job_01J00000000000000000000000";

function numbered(id: number, detail = "no"): NumberedEvent {
  return {
    id,
    event: "state",
    data: {
      jobId,
      sequence: id,
      at: "2026-11-22T17:01:02.345Z",
      run: 1,
      state: "failed",
      status: "failed",
      stage: null,
      progress: 0,
      stages: [],
      attempt: 1,
      maxAttempts: 3,
      error: {
        code: "TRANSCODE_ERROR",
        message: "m",
        detail,
        stage: "probing",
        retryable: false,
      },
      playable: false,
      outputs: [],
      attempts: [],
    },
  };
}

function progress(percent: number): ProgressEvent {
  return {
    event: "progress",
    data: {
      jobId,
      run: 1,
      state: "transcoding",
      status: "processing",
      stage: "transcoding",
      progress: percent,
      stageProgress: percent,
      attempt: 1,
      fps: null,
      speed: null,
    },
  };
}

const IDS = { requestId: "req-1", traceId: "4bf92f3577b34da6a3ce929d0e0e4736", jobId: "job_1" };

/** A stream, and the other end of its socket. */
function opened() {
  const { 0: client, 1: pool } = new WebSocketPair();
  pool.accept();
  const closed = new Promise<string>((resolve) => {
    pool.addEventListener("close", ({ reason }) => resolve(reason));
  });
  let count = 0;
  const counted = new Map<number, () => void>();
  const reader = new StreamReader(new Response(streamEvents(client, IDS)));
  client.addEventListener("message", () => counted.get(++count)?.());
  return {
    closed,
    reader,
    sendRaw: (frame: string) => pool.send(frame),
    send: (event: NumberedEvent | ProgressEvent) => pool.send(JSON.stringify(event)),
    end: () => pool.close(1000, "the job has ended"),
    /** Comes back when so many events have arrived, read or not. */
    arrived: (number: number) =>
      new Promise<void>((resolve) => {
        counted.set(number, resolve);
      }),
  };
}

describe("what waits for a slow reader", () => {
  test("is every numbered event in order, and of progress the newest alone", () => {
    const queue = new EventQueue();
    for (let percent = 1; percent <= 10_000; percent++) queue.push(progress(percent / 100));
    queue.push(numbered(1));
    queue.push(numbered(2));
    for (let percent = 1; percent <= 10_000; percent++) queue.push(progress(percent / 100));
    const events = [queue.next(), queue.next(), queue.next(), queue.next()];
    expect(events).toEqual([numbered(1), numbered(2), progress(100), null]);
  });

  test("is no progress that a numbered event has overtaken", () => {
    const queue = new EventQueue();
    queue.push(progress(41));
    queue.push(numbered(1));
    expect([queue.next(), queue.next()]).toEqual([numbered(1), null]);
  });

  test("is bounded: past a thousand numbered events no more are taken", () => {
    const queue = new EventQueue();
    const ids = Array.from({ length: 1_500 }, (_, index) => index + 1);
    expect(ids.filter((id) => queue.push(numbered(id)))).toEqual(ids.slice(0, 1_000));
  });
});

describe("a stream of server-sent events", () => {
  test("carries id, event and data, and no line break of the data's own", () => {
    const block = sseBlock(numbered(7, "two\nlines\r\n\u2028and more"));
    expect(block.split("\n")).toEqual([
      "id: 7",
      "event: state",
      expect.stringMatching(/^data: \{[^\r]*\}$/),
      "",
      "",
    ]);
    expect(sseBlock(progress(1))).toMatch(/^event: progress\ndata: /);
  });

  test("ends before an event that it does not know, and logs whose it was", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { closed, reader, send, sendRaw } = opened();
    send(numbered(1));
    sendRaw(JSON.stringify({ id: 2, event: "novelty", data: {} }));
    send(numbered(3));
    expect(await reader.rest()).toEqual([numbered(1)]);
    await closed;
    const [line] = errors.mock.calls.map(([text]) => JSON.parse(text));
    errors.mockRestore();
    expect(line).toMatchObject({ level: "error", event: "bad_job_event", ...IDS });
  });

  test("coalesces the progress that a slow reader does not take, and loses no numbered event", async () => {
    const { reader, send, end, arrived } = opened();
    const all = arrived(302);
    for (let percent = 0; percent <= 99; percent++) send(progress(percent));
    send(numbered(1));
    for (let percent = 0; percent <= 99; percent++) send(progress(percent));
    send(numbered(2));
    for (let percent = 0; percent <= 99; percent++) send(progress(percent));
    await all;
    end();
    expect(await reader.rest()).toEqual([numbered(1), numbered(2), progress(99)]);
  });

  test("ends a reader that is too far behind after what it may still have, in order", async () => {
    const { reader, send, closed, arrived } = opened();
    const all = arrived(1_500);
    for (let id = 1; id <= 1_500; id++) send(numbered(id));
    await all;
    const events = await reader.rest();
    const ids = events.map((event) => ("id" in event ? event.id : 0));
    expect(ids).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
    await closed;
  });

  test("whose reader goes closes its socket", async () => {
    const { reader, closed } = opened();
    await reader.block();
    await reader.stop();
    expect(await closed).toBe("the reader is gone");
  });

  test("ends with its socket, and not before what came is read", async () => {
    const { reader, send, end } = opened();
    send(numbered(1));
    send(numbered(2));
    end();
    expect(await reader.rest()).toEqual([numbered(1), numbered(2)]);
  });

  describe("with the clock in hand", () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test("says something every two seconds, so that a client that is gone shows", async () => {
      const { reader } = opened();
      expect(await reader.block()).toBe("retry: 1000");
      for (let beat = 0; beat < 3; beat++) {
        const block = reader.block();
        await vi.advanceTimersByTimeAsync(2_000);
        expect(await block).toBe(":");
      }
      await reader.stop();
      expect(vi.getTimerCount()).toBe(0);
    });

    test("lets go of a reader that reads nothing for a minute", async () => {
      const { closed } = opened();
      await vi.advanceTimersByTimeAsync(61_000);
      expect(await closed).toBe("the reader reads nothing");
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
