import { describe, expect, test } from "vitest";
import { readJobEvents } from "../../client/event-stream.ts";
import { readServerSentEvents } from "../../client/server-sent-events.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** The text in chunks of `size` bytes, wherever that cuts it. */
async function* chunked(text: string, size: number): AsyncGenerator<Uint8Array> {
  const all = bytes(text);
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

async function eventsOf(text: string, size = 1_000) {
  return collect(readServerSentEvents(chunked(text, size)));
}

describe("a stream of server-sent events", () => {
  const stream =
    'retry: 1000\n\n:\n\nid: 1\nevent: state\ndata: {"é":1}\n\nid: 2\rdata:a\rdata: b\r\r';

  test.for([1, 2, 3, 7, 1_000])("reads the same in chunks of %i bytes", async (size) => {
    // A CR at the very end may still become a CR LF: one more line makes it sure.
    expect(await eventsOf(`${stream}:\n`, size)).toEqual([
      { event: "state", data: '{"é":1}', lastEventId: "1" },
      { event: "message", data: "a\nb", lastEventId: "2" },
    ]);
  });

  test("has lines that end with CR LF as well as with LF", async () => {
    expect(await eventsOf("id: 1\r\ndata: a\r\n\r\n", 1)).toEqual([
      { event: "message", data: "a", lastEventId: "1" },
    ]);
  });

  test("that was cut within an event gives the events before it", async () => {
    expect(await eventsOf("data: a\n\ndata: b\n")).toMatchObject([{ data: "a" }]);
  });

  test("of a job passes over events that this version does not know", async () => {
    const progress = {
      jobId: "job_1",
      run: 1,
      state: "transcoding",
      status: "processing",
      stage: "transcoding",
      progress: 12,
      stageProgress: 10,
      attempt: 1,
      fps: null,
      speed: 2,
    };
    const text = [
      "event: surprise\ndata: {}\n\n",
      "event: progress\ndata: not json\n\n",
      `event: progress\ndata: ${JSON.stringify(progress)}\n\n`,
    ].join("");
    const events = await collect(readJobEvents(chunked(text, 5)));
    expect(events).toEqual([{ event: "progress", data: progress }]);
  });
});
