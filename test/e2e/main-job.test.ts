/** A real video all the way: parts, lease, ffmpeg, verified outputs, signed webhook. */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startSink, startWorld, type World } from "./telecine.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world.stop());

const av = (seconds: number, size = "640x360") => [
  ...["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=25:duration=${seconds}`],
  ...["-f", "lavfi", "-i", `sine=frequency=440:duration=${seconds}`],
];

describe("a job on a real video", () => {
  test("completes with an output whose bytes, codecs, frames and checksum are what the job says, and a webhook that verifies", async () => {
    const sink = await startSink();
    try {
      const clip = await world.makeClip("clip.mov", [...av(4), "-c:v", "mpeg4", "-c:a", "aac"]);
      const job = await world.finish({
        videoId: await world.upload(clip),
        recipe: { name: "webReady" },
        webhookUrl: sink.url,
        metadata: { ticket: 7 },
      });
      expect(job).toMatchObject({
        state: "completed",
        status: "completed",
        progress: 100,
        error: null,
      });
      expect(job.stages.map((stage) => stage.name)).toEqual(["probing", "planning", "transcoding"]);

      const [output] = job.outputs;
      const file = await world.download(job);
      const bytes = await readFile(file);
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(output?.sha256);
      expect(bytes.length).toBe(output?.size);
      const probed = await world.probe(file);
      expect(probed.streams.map((stream) => stream.codec_name)).toEqual(["h264", "aac"]);
      expect(probed.streams[0]?.nb_read_frames).toBe("100");
      expect(Math.abs(Number(probed.format.duration) - 4)).toBeLessThan(0.1);

      const hook = await sink.next((event) => event.body.includes(job.jobId));
      const { secret } = await world.host.client.call<{ secret: string }>(
        "GET",
        "/v1/webhooks/secret",
      );
      const event = new Webhook(secret).verify(hook.body, hook.headers as Record<string, string>);
      expect(event).toMatchObject({
        type: "job.completed",
        data: { jobId: job.jobId, state: "completed", metadata: { ticket: 7 } },
      });
    } finally {
      await sink.stop();
    }
  });

  test.for([
    ["transcode", { codec: "h264", height: 180 }, "mp4", ["h264", "aac"], [320, 180]],
    ["resize", { width: 160, height: 160, fit: "cover" }, "mp4", ["h264", "aac"], [160, 160]],
    ["trim", { startSeconds: 1, durationSeconds: 2 }, "mp4", ["h264", "aac"], [640, 360]],
    ["extractAudio", {}, "mp3", ["mp3"], []],
    ["thumbnail", { seekSeconds: 1, width: 320 }, "jpg", ["mjpeg"], [320, 180]],
  ] as const)("%s makes what was asked", async ([name, params, format, codecs, size]) => {
    const clip = await world.makeClip(`${name}.mp4`, [...av(3), "-c:v", "mpeg4", "-c:a", "aac"]);
    const job = await world.finish({
      videoId: await world.upload(clip),
      recipe: { name, ...params },
      output: { format },
    } as Parameters<World["finish"]>[0]);
    expect(job.error).toBeNull();
    const probed = await world.probe(await world.download(job, `result.${format}`));
    expect(probed.streams.map((stream) => stream.codec_name)).toEqual([...codecs]);
    if (size.length > 0)
      expect([probed.streams[0]?.width, probed.streams[0]?.height]).toEqual([...size]);
  });
});

describe("a source that is no video", () => {
  test.for([
    ["text renamed", "text.mp4", Buffer.from("this is not a video at all\n".repeat(50))],
    [
      "an image renamed",
      "image.mp4",
      Buffer.from(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "base64",
      ),
    ],
  ] as const)("%s to .mp4 is refused when its upload is completed", async ([, name, bytes]) => {
    const file = path.join(world.folder, name);
    await writeFile(file, bytes);
    await expect(world.upload(file)).rejects.toThrow(/UNSUPPORTED_FORMAT/);
  });

  test("that was cut off ends in a typed error with a stage, never as completed", async () => {
    const whole = await world.makeClip("whole.mp4", [...av(3), "-c:v", "mpeg4", "-c:a", "aac"]);
    const cut = path.join(world.folder, "cut.mp4");
    const bytes = await readFile(whole);
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length / 2)));
    const job = await world.finish({
      videoId: await world.upload(cut),
      recipe: { name: "webReady" },
    });
    expect(["failed", "rejected"]).toContain(job.state);
    expect(job.error).toMatchObject({ stage: "probing", retryable: false });
    expect(["TRANSCODE_ERROR", "UNSUPPORTED_FORMAT"]).toContain(job.error?.code);
    expect(job.outputs).toEqual([]);
  });

  test("whose data ends before its head says is never completed silently", async () => {
    const whole = await world.makeClip("long.mp4", [
      ...av(10),
      ...["-c:v", "mpeg4", "-c:a", "aac", "-movflags", "+faststart"],
    ]);
    const cut = path.join(world.folder, "short.mp4");
    const bytes = await readFile(whole);
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length / 2)));
    const job = await world.finish({
      videoId: await world.upload(cut),
      recipe: { name: "webReady" },
    });
    expect(job.state).not.toBe("completed");
    expect(job.error?.code).toBe("TRANSCODE_ERROR");
  });
});

describe("a running job", () => {
  test("is cancelled at once, and its ffmpeg with it", async () => {
    const clip = await world.makeClip("slow.mp4", [
      ...av(60, "1280x720"),
      "-c:v",
      "mpeg4",
      "-c:a",
      "aac",
    ]);
    const videoId = await world.upload(clip);
    const { jobId } = await world.host.client.createJob({
      videoId,
      recipe: { name: "transcode", preset: "veryslow" },
    });
    await world.until(jobId, (job) => job.state === "transcoding" && job.progress > 0);
    expect(await world.host.client.call("POST", `/v1/jobs/${jobId}/cancel`)).toEqual({
      cancelled: true,
      jobId,
    });
    expect(await world.host.client.job(jobId)).toMatchObject({ state: "cancelled", outputs: [] });
    // The slot is free again only when ffmpeg has ended: the next job would wait for it otherwise.
    const next = await world.finish({
      videoId,
      recipe: { name: "thumbnail" },
      output: { format: "png" },
    });
    expect(next.state).toBe("completed");
  });
});
