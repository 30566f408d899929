import { beforeEach, describe, expect, test } from "vitest";
import type { Job } from "../../../protocol/http/jobs.ts";
import { FakePool } from "./fake-pool.ts";
import { call, makeVideo, refusal } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const submit = (json: unknown) => call("/v1/jobs", { env: pool.env, json });

const url = (name: string) => `https://media.example.com/${name}.mp4`;

describe("a job with ffmpeg arguments", () => {
  test("of one input and one output is accepted with both placeholders, its arguments as written", async () => {
    const videoId = await makeVideo();
    const args = ["-i", "{{input}}", "-c:v", "libx264", "-crf", "23", "{{output}}"];
    const answer = await submit({ videoId, mode: "ffmpeg", ffmpeg: { args } });
    expect(answer.status).toBe(202);
    expect(await answer.json<Job>()).toMatchObject({
      mode: "ffmpeg",
      recipe: null,
      ffmpeg: { args },
    });
    expect(pool.submitted[0]).toMatchObject({
      work: { mode: "ffmpeg", args },
      inputs: { in_1: { kind: "video", videoId } },
      outputs: { out_1: { filename: "result.mp4", format: "mp4" } },
    });
  });

  test("of several inputs and outputs is accepted with in_* and out_*", async () => {
    const answer = await submit({
      input_files: { in_1: { url: url("a") }, in_2: { url: url("b") } },
      output_files: { out_1: "clip.mp4", out_2: "poster.jpg" },
      ffmpeg: {
        args: [
          ...["-i", "{{in_1}}", "-i", "{{in_2}}", "-filter_complex"],
          "[0:v][1:v]overlay=10:10,split[v][p]",
          ...["-map", "[v]", "{{out_1}}", "-map", "[p]", "-frames:v", "1", "{{out_2}}"],
        ],
      },
    });
    expect(answer.status).toBe(202);
    expect(pool.submitted[0]?.outputs).toEqual({
      out_1: { filename: "clip.mp4", format: "mp4" },
      out_2: { filename: "poster.jpg", format: "jpg" },
    });
  });

  test("takes the format from output.format, and refuses what that cannot hold", async () => {
    const input = { url: url("format") };
    const asked = (encoder: string) =>
      submit({
        input,
        output: { format: "webm" },
        ffmpeg: { args: ["-i", "{{input}}", "-c:v", encoder, "{{output}}"] },
      });
    expect((await asked("libvpx-vp9")).status).toBe(202);
    expect(await refusal(asked("libx264"))).toMatchObject({
      code: "UNSUPPORTED_COMMAND",
      detail: "ffmpeg.args[3] 'libx264' of '-c:v' is refused: it cannot be made into webm.",
    });
  });

  test("is the same work as one that says the same in other words", async () => {
    const videoId = await makeVideo();
    const first = ["-i", "{{input}}", "-vf", "scale=640:360", "-b:v", "1M", "{{output}}"];
    const second = [
      "-i",
      "{{in_1}}",
      "-filter:v",
      "scale=w=640:h=360",
      "-b:v",
      "1000k",
      "{{out_1}}",
    ];
    const other = ["-i", "{{input}}", "-vf", "scale=640:362", "-b:v", "1M", "{{output}}"];
    const { jobId } = await (await submit({ videoId, ffmpeg: { args: first } })).json<Job>();
    const error = await refusal(submit({ videoId, ffmpeg: { args: second } }));
    expect(error.code).toBe("JOB_ALREADY_PROCESSING");
    expect(error.detail).toContain(jobId);
    expect((await submit({ videoId, ffmpeg: { args: other } })).status).toBe(202);
  });

  test("is the same work with other keys, and other work when they are swapped", async () => {
    const [one, two] = [{ videoId: await makeVideo() }, { videoId: await makeVideo() }];
    const overlay = (first: string, second: string, out: string) => ({
      args: [
        ...["-i", `{{${first}}}`, "-i", `{{${second}}}`],
        ...["-filter_complex", "[0:v][1:v]overlay[v]", "-map", "[v]", `{{${out}}}`],
      ],
    });
    const asked = (input_files: object, keys: readonly [string, string], out = "out_1") =>
      submit({
        input_files,
        output_files: { [out]: "a.mp4" },
        ffmpeg: overlay(keys[0], keys[1], out),
      });
    const job = await (await asked({ in_1: one, in_2: two }, ["in_1", "in_2"])).json<Job>();
    for (const again of [
      asked({ in_3: one, in_7: two }, ["in_3", "in_7"]),
      asked({ in_1: two, in_2: one }, ["in_2", "in_1"], "out_4"),
    ]) {
      expect((await refusal(again)).detail).toContain(job.jobId);
    }
    expect((await asked({ in_1: two, in_2: one }, ["in_1", "in_2"])).status).toBe(202);
  });
});

describe("arguments that are refused", () => {
  const refused = (args: readonly string[], more: object = {}) =>
    refusal(submit({ input: { url: url("refused") }, ...more, ffmpeg: { args } }));

  test.for([
    ["a file for an input", ["-i", "/etc/passwd", "{{output}}"], "ffmpeg.args[1] '/etc/passwd'"],
    ["a bare token", ["-i", "{{input}}", "out.mp4"], "ffmpeg.args[2] 'out.mp4'"],
    [
      "an option of the server's",
      ["-i", "{{input}}", "-f", "mp4", "{{output}}"],
      "ffmpeg.args[2] '-f'",
    ],
    [
      "an unknown option",
      ["-i", "{{input}}", "-nonsense", "{{output}}"],
      "ffmpeg.args[2] '-nonsense'",
    ],
    [
      "a filter that reads files",
      ["-i", "{{input}}", "-vf", "movie=/etc/passwd", "{{output}}"],
      "ffmpeg.args[3] 'movie=/etc/passwd' of '-vf'",
    ],
    ["no input", ["{{output}}"], "ffmpeg.args[0] '{{output}}'"],
    ["no output", ["-i", "{{input}}"], "ffmpeg.args[1] '{{input}}'"],
  ] as const)(
    "for %s are UNSUPPORTED_COMMAND, and nothing is recorded",
    async ([, args, named]) => {
      const error = await refused(args);
      expect(error).toMatchObject({
        status: 400,
        code: "UNSUPPORTED_COMMAND",
        message: "The ffmpeg arguments are not allowed.",
        retryable: false,
        detail: expect.stringContaining(`${named} is refused: it `),
      });
      expect(pool.submitted).toEqual([]);
    },
  );

  test("for {{input}} of two inputs say which there are", async () => {
    const error = await refusal(
      submit({
        input_files: { in_1: { url: url("a") }, in_2: { url: url("b") } },
        ffmpeg: { args: ["-i", "{{input}}", "{{output}}"] },
      }),
    );
    expect(error.detail).toContain("does not say which of {{in_1}}, {{in_2}}");
  });

  test("that leave an output unwritten name it", async () => {
    const error = await refusal(
      submit({
        input_files: { in_1: { url: url("a") } },
        output_files: { out_1: "a.mp4", out_2: "b.mp4" },
        ffmpeg: { args: ["-i", "{{in_1}}", "{{out_1}}"] },
      }),
    );
    expect(error).toMatchObject({
      code: "UNSUPPORTED_COMMAND",
      detail: expect.stringContaining("does not write '{{out_2}}'"),
    });
  });
});
