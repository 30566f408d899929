/** A job followed live: a real edge, a real agent, real ffmpeg. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { watchJob } from "../../cli/watch-job.ts";
import { readJobEvents } from "../../client/event-stream.ts";
import { type JobEvent, jobEventSchema, type NumberedEvent } from "../../protocol/http/events.ts";
import { startWorld, type World } from "./telecine.ts";

let world: World;
let videoId: string;
beforeAll(async () => {
  world = await startWorld();
  const clip = await world.makeClip("long.mp4", [
    ...["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=20"],
    ...["-c:v", "mpeg4"],
  ]);
  videoId = await world.upload(clip);
}, 60_000);
afterAll(() => world.stop());

const thumbnail = (seekSeconds: number, format: "jpg" | "png") => ({
  videoId,
  recipe: { name: "thumbnail", seekSeconds } as const,
  output: { format },
});

function openStream(jobId: string, lastEventId?: number): Promise<Response> {
  return world.host.client.send("GET", `/v1/jobs/${jobId}/events`, {
    headers: lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) },
  });
}

async function* follow(jobId: string, lastEventId?: number): AsyncGenerator<JobEvent> {
  const { body } = await openStream(jobId, lastEventId);
  if (body === null) throw new Error("no stream");
  yield* readJobEvents(body);
}

const isNumbered = (event: JobEvent): event is NumberedEvent => event.event !== "progress";
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe("a job that is followed", () => {
  test("is reported while it runs, never falls back, and ends the stream", async () => {
    const { jobId } = await world.host.client.createJob({
      videoId,
      recipe: { name: "transcode", preset: "veryslow" },
    });
    const events: JobEvent[] = [];
    let shown = 0;
    for await (const event of follow(jobId)) {
      events.push(event);
      if (event.event !== "progress") continue;
      // Seen enough; it would take a minute.
      if (++shown === 8) await world.host.client.call("POST", `/v1/jobs/${jobId}/cancel`);
    }
    const numbered = events.filter(isNumbered);
    expect(numbered.map((event) => event.id)).toEqual(upTo(numbered.length));
    expect(numbered.at(-1)?.data).toMatchObject({ state: "cancelled", outputs: [] });
    const progress = events.map((event) => event.data.progress);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  }, 60_000);

  test("is seen whole by a client that drops off and comes back at any moment", async () => {
    const { jobId } = await world.host.client.createJob(thumbnail(1, "jpg"));
    const seen: number[] = [];
    for (let isOver = false; !isOver; ) {
      for await (const event of follow(jobId, seen.at(-1) ?? 0)) {
        if (!isNumbered(event)) continue;
        seen.push(event.id);
        isOver = event.data.state === "completed";
        // Leaves the stream after every event.
        break;
      }
    }
    expect(seen).toEqual(upTo(seen.length));
    expect((await openStream(jobId, seen.at(-1))).status).toBe(204);
  }, 60_000);

  test("says the same over a socket, which closes after the terminal event", async () => {
    const job = await world.host.client.createJob(thumbnail(2, "jpg"));
    const url = new URL(`/v1/jobs/${job.jobId}/events`, world.host.url);
    url.protocol = "ws:";
    const events: JobEvent[] = [];
    const code = await new Promise<number>((resolve, reject) => {
      const socket = new WebSocket(url, { headers: { "x-api-key": world.host.rootKey } });
      socket.on("message", (data) => events.push(jobEventSchema.parse(JSON.parse(String(data)))));
      socket.on("close", resolve);
      socket.on("error", reject);
    });
    expect(code).toBe(1000);
    const numbered = events.filter(isNumbered);
    expect(numbered.map((event) => event.id)).toEqual(upTo(numbered.length));
    expect(numbered.at(-1)?.data.state).toBe("completed");
    // A connection that is left open after the close frames would take 20 s.
  }, 15_000);

  test("is followed by the command line to its end", async () => {
    const { jobId } = await world.host.client.createJob(thumbnail(3, "png"));
    const states = new Set<string>();
    const job = await watchJob(world.host.client, jobId, (now) => states.add(now.state));
    expect(job).toMatchObject({ state: "completed", progress: 100 });
    expect([...states].slice(0, 2)).toEqual(["queued", "probing"]);
  }, 60_000);
});
