/** A client's own ffmpeg arguments all the way: accepted, run by an agent, verified, delivered. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "./telecine.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world.stop());

describe("a job with ffmpeg arguments", () => {
  test("makes every output it was asked for", async () => {
    const clip = await world.makeClip("clip.mp4", [
      ...["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2"],
      ...["-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-c:v", "mpeg4", "-c:a", "aac"],
    ]);
    const videoId = await world.upload(clip);
    const job = await world.finish({
      input_files: { in_1: { videoId } },
      output_files: { out_1: "small.mp4", out_2: "poster.jpg" },
      ffmpeg: {
        args: [
          ...["-i", "{{in_1}}", "-filter_complex", "[0:v]scale=320:-2,split[v][p]"],
          ...["-map", "[v]", "-map", "0:a", "-c:v", "libx264", "-preset", "ultrafast", "{{out_1}}"],
          ...["-map", "[p]", "-frames:v", "1", "{{out_2}}"],
        ],
      },
    });
    expect(job.error).toBeNull();
    expect(job).toMatchObject({ state: "completed", mode: "ffmpeg" });
    const small = await world.probe(await world.download(job, "small.mp4"));
    expect(small.streams.map((stream) => stream.codec_name)).toEqual(["h264", "aac"]);
    expect([small.streams[0]?.width, small.streams[0]?.height]).toEqual([320, 180]);
    expect(small.streams[0]?.nb_read_frames).toBe("50");
    const poster = await world.probe(await world.download(job, "poster.jpg"));
    expect([poster.streams[0]?.width, poster.streams[0]?.height]).toEqual([320, 180]);
  });

  test("that only the source's size makes too large ends rejected, before anything is encoded", async () => {
    const clip = await world.makeClip("wide.mp4", [
      ...["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=1", "-c:v", "mpeg4"],
    ]);
    const job = await world.finish({
      videoId: await world.upload(clip),
      ffmpeg: { args: ["-i", "{{input}}", "-vf", "scale=iw*20:ih", "{{output}}"] },
    });
    expect(job).toMatchObject({
      state: "rejected",
      outputs: [],
      error: { code: "UNSUPPORTED_COMMAND", retryable: false },
    });
    expect(job.error?.detail).toContain("12800x360");
  });
});
