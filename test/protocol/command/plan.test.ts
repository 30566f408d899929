import { describe, expect, test } from "vitest";
import { extensionOf } from "../../../protocol/formats.ts";
import type { EncoderCapability, OutputFormat, SourceInfo } from "../../../protocol/media.ts";
import type { FfmpegStep, PlanResult } from "../../../protocol/plan.ts";
import { planTask } from "../../../protocol/plan-task.ts";
import { nvenc, ready, software, withAudio, withVideo } from "../recipes/sources.ts";
import { words } from "./vector.ts";

interface Asked {
  readonly sources?: Readonly<Record<string, SourceInfo>>;
  readonly outputs?: Readonly<Record<string, OutputFormat>>;
  readonly encoders?: readonly EncoderCapability[];
}

function plan(line: string, asked: Asked = {}): PlanResult {
  const { sources = { in_1: ready }, outputs = { out_1: "mp4" }, encoders = software } = asked;
  const planned = Object.entries(outputs).map(([key, format]) => ({
    key,
    file: `${key}.${extensionOf[format]}`,
    format,
  }));
  return planTask({ mode: "ffmpeg", args: words(line) }, sources, planned, encoders);
}

function planned(line: string, asked: Asked = {}) {
  const result = plan(line, asked);
  if (result.status === "rejected") throw new Error(result.detail);
  const [step] = result.steps;
  if (step?.kind !== "ffmpeg") throw new Error("a command is one run of ffmpeg");
  return { ...result, step: step as FfmpegStep };
}

const rejection = (line: string, asked: Asked = {}) => {
  const result = plan(line, asked);
  return result.status === "rejected" ? `${result.code}: ${result.detail}` : null;
};

describe("the plan of a command", () => {
  test.each([
    ["-i {{input}} -c:v libsvtav1 {{output}}", "-filter:v copy"],
    ["-i {{input}} -vf vflip -c:v libsvtav1 {{output}}", "-filter:v vflip,copy"],
    ["-i {{input}} -vf [in]vflip,null[out] -c:v libsvtav1 {{output}}", "vflip,copy,null"],
    [
      "-i {{input}} -filter_complex [0:v]vflip[v] -map [v] -c:v libsvtav1 {{output}}",
      "vflip,copy[",
    ],
    [
      "-i {{input}} -filter_complex [0:v]scale=64:36[v] -map [v] -c:v libsvtav1 {{output}}",
      "scale=w=64:h=36,copy[v]",
    ],
    [
      "-i {{input}} -filter_complex [0:v]split[a][b];[a]hflip[c];[b][c]hstack[v] -map [v] -c:v libsvtav1 {{output}}",
      "[0:v]copy,split[a][b];[a]hflip,copy[c];[b][c]hstack,copy[v]",
    ],
    ["-i {{input}} -vf vflip -c:v libx264 {{output}}", "-filter:v vflip "],
  ])("gives SVT-AV1 a copy of what is flipped, which it could not read: %s", (line, expected) => {
    const encoders: readonly EncoderCapability[] = [
      ...software,
      { encoder: "libsvtav1", codec: "av1", device: "cpu", bitDepths: [8], maxSessions: null },
    ];
    const { step } = planned(line, { encoders });
    const written = [step.filterComplex ?? "", ...(step.outputs[0]?.options ?? [])].join(" ");
    expect(`${written} `).toContain(expected);
  });

  test("is one run, written from what was understood, with the server's muxer and file", () => {
    const { step, action } = planned(
      "-copyts -ss 1 -i {{input}} -vf scale=640:-2 -c:v libx264 -crf 20 -c:a copy {{output}}",
    );
    expect(action).toBe("command");
    expect(step).toMatchObject({
      inputs: [{ from: { source: "in_1" }, options: ["-copyts", "-ss", "1"] }],
      filterComplex: null,
      outputs: [
        {
          file: "out_1.mp4",
          muxer: "mp4",
          options: [
            ...["-c:v", "libx264", "-filter:v", "scale=w=640:h=-2"],
            ...["-c:v", "libx264", "-crf", "20", "-c:a", "copy"],
          ],
        },
      ],
      encoder: { name: "libx264", device: "cpu" },
    });
  });

  test("has one frame for a picture, however the client asks", () => {
    const outputs = { out_1: "jpg" } as const;
    for (const line of [
      "-i {{input}} {{output}}",
      "-i {{input}} -update 1 -frames:v 1 {{output}}",
    ]) {
      const { options } = planned(line, { outputs }).step.outputs[0] ?? { options: [] };
      expect(options.filter((option) => option === "-update")).toHaveLength(1);
      expect(options.filter((option) => option === "-frames:v")).toHaveLength(1);
    }
  });

  test("writes every output of the job", () => {
    const { step, outputs } = planned("-i {{input}} {{out_a}} -frames:v 1 {{out_b}}", {
      outputs: { out_b: "png", out_a: "mp4" },
    });
    expect(step.outputs.map(({ file }) => file)).toEqual(["out_a.mp4", "out_b.png"]);
    expect(outputs.map(({ key }) => key)).toEqual(["out_b", "out_a"]);
  });

  test("is refused again by the agent, whatever the edge let through", () => {
    expect(rejection("-i {{input}} -vf movie=/etc/passwd {{output}}")).toMatch(
      /^UNSUPPORTED_COMMAND: ffmpeg\.args\[3\] 'movie=\/etc\/passwd' of '-vf' is refused/,
    );
  });
});

describe("the encoder of a command", () => {
  test("must be proved on the worker", () => {
    const line = "-i {{input}} -c:v h264_nvenc -preset p5 -cq 23 {{output}}";
    expect(rejection(line)).toContain("'h264_nvenc' is not proved on this worker");
    expect(planned(line, { encoders: nvenc }).step.encoder).toEqual({
      name: "h264_nvenc",
      device: "cuda:0",
    });
  });

  test("is the format's own where none is told, and must be proved, too", () => {
    expect(rejection("-i {{input}} {{output}}", { encoders: [] })).toContain("'libx264'");
    const outputs = { out_1: "webm" } as const;
    expect(planned("-i {{input}} {{output}}", { outputs }).step.encoder?.name).toBe("libvpx-vp9");
  });

  test("is none for a copy, and none for sound alone", () => {
    expect(planned("-i {{input}} -c copy {{output}}", { encoders: [] }).step.encoder).toBeNull();
    expect(planned("-i {{input}} -vn {{output}}", { encoders: [] }).step.encoder).toBeNull();
  });
});

describe("what a command promises", () => {
  const promised = (line: string, asked: Asked = {}) => planned(line, asked).outputs[0];
  const silent: SourceInfo = { ...ready, audio: [] };

  test("is the streams that ffmpeg will choose or was told", () => {
    expect(promised("-i {{input}} {{output}}")).toMatchObject({
      video: { codec: "h264" },
      audio: {},
    });
    expect(promised("-i {{input}} {{output}}", { sources: { in_1: silent } })?.audio).toBeNull();
    expect(promised("-i {{input}} -an {{output}}")?.audio).toBeNull();
    expect(promised("-i {{input}} -map 0:a {{output}}")?.video).toBeNull();
    expect(
      promised("-i {{input}} -filter_complex [0:v]hflip[v] -map [v] {{output}}"),
    ).toMatchObject({
      video: { codec: "h264" },
      audio: null,
    });
    expect(promised("-i {{input}} {{output}}", { outputs: { out_1: "mp3" } })?.video).toBeNull();
  });

  test("is left open where cover art may be taken for a picture", () => {
    const covered: SourceInfo = { ...ready, video: null, attachedPictures: 1 };
    expect(promised("-i {{input}} {{output}}", { sources: { in_1: covered } })?.unknown).toContain(
      "video",
    );
  });

  test("of a stream that is not there is a rejection, unless it is optional", () => {
    const sources = { in_1: silent };
    expect(rejection("-i {{input}} -map 0:v -map 0:a {{output}}", { sources })).toContain(
      "ffmpeg.args[5] '0:a' of '-map' is refused: it matches no stream of its input",
    );
    expect(rejection("-i {{input}} -map 0:v -map 0:a? {{output}}", { sources })).toBeNull();
  });

  test.for([
    ["-i {{input}} -vf scale=640:-2 {{output}}", 10],
    ["-ss 4 -i {{input}} {{output}}", 6],
    ["-ss 4 -i {{input}} -t 3 {{output}}", 3],
    ["-i {{input}} -ss 2 -to 5 {{output}}", 3],
    ["-i {{input}} -vf setpts=0.5*PTS {{output}}", null],
    ["-i {{input}} -vf trim=0:1 {{output}}", null],
    ["-stream_loop 2 -i {{input}} {{output}}", null],
    ["-i {{input}} -frames:v 5 {{output}}", null],
    ["-r 50 -i {{input}} {{output}}", null],
    ["-i {{input}} -filter_complex [0:v]hflip[v] -map [v] {{output}}", null],
  ] as const)("%s is expected to last %s s", ([line, seconds]) => {
    expect(planned(line).step.expectedSeconds).toBe(seconds);
  });
});

describe("pictures beyond 8192 × 8192 are rejected before anything runs", () => {
  const wide = withVideo({ width: 4000, height: 100 });
  const vf = (graph: string, source: SourceInfo = ready) =>
    rejection(`-i {{input}} -vf "${graph}" {{output}}`, { sources: { in_1: source } });

  test.for([
    ["an expression", "scale=iw*100:ih", ready, "128000x720"],
    ["a side in proportion", "scale=-2:720", wide, "28800x720"],
    [
      "growing to cover",
      "scale=8000:8000:force_original_aspect_ratio=increase",
      ready,
      "14222x8000",
    ],
    ["a pad", "pad=iw*8:ih", ready, "10240x720"],
    ["tiles", "tile=10x2", ready, "12800x1440"],
    ["a stack", "scale=5000:100,split[a][b];[a][b]hstack", ready, "10000x100"],
    [
      "a chain that doubles",
      "scale=iw*2:ih*2,scale=iw*2:ih*2,scale=iw*2:ih*2",
      ready,
      "10240x5760",
    ],
  ] as const)("%s", ([, graph, source, size]) => {
    expect(vf(graph, source)).toContain(size);
  });

  test("and the same filters are taken while they stay within", () => {
    expect(vf("scale=iw*2:ih*2")).toBeNull();
    expect(vf("scale=-2:200", wide)).toBeNull();
    expect(vf("scale=160:-1,tile=10x2")).toBeNull();
    expect(vf("scale=1080:1920:force_original_aspect_ratio=increase,crop=1080:1920")).toBeNull();
  });

  test("as seen after a phone's picture was turned upright", () => {
    const turned = withVideo({ width: 4000, height: 500, rotation: 90 });
    expect(vf("tile=10x1", turned)).toBeNull();
    expect(vf("tile=1x10", turned)).toContain("500x40000");
    const asStored = '-noautorotate -i {{input}} -vf "tile=1x10" {{output}}';
    expect(rejection(asStored, { sources: { in_1: turned } })).toBeNull();
  });

  test("and those that are scaled by another's, filled up to a shape, or turned only where they lie", () => {
    const pair = { in_1: wide, in_2: ready };
    const by = (graph: string) =>
      rejection(`-i {{in_1}} -i {{in_2}} -filter_complex "${graph}" {{output}}`, { sources: pair });
    // In proportion to its own 4000 × 100, with the sides of the other's 1280 × 720.
    expect(by("[0:v][1:v]scale2ref=-1:ih[a][b];[b][a]overlay")).toContain("28800x720");
    expect(by("[0:v][1:v]scale2ref=iw:-1[a][b];[b][a]overlay")).toBeNull();
    expect(by("[0:v][1:v]scale2ref=iw*6:-1[a][b];[b]tile=7x1[c];[c][a]overlay")).toContain(
      "8960x720",
    );
    expect(by("[0:v][1:v]scale2ref=main_w*2:10[a][b];[b][a]overlay")).toBeNull();
    expect(vf("pad=aspect=10,scale=iw*2:ih")).toContain("14400x720");
    expect(vf("pad=aspect=1/2,scale=iw:ih*4")).toContain("1280x10240");
    expect(vf("transpose=1:passthrough=landscape,tile=7x1")).toContain("8960x720");
    expect(vf("transpose=1:passthrough=portrait,tile=7x1")).toBeNull();
  });

  test("and a size that cannot be known is rejected where it would matter", () => {
    const line = '-i {{input}} -filter_complex "[0:v:3]scale=iw*2:-1[v]" -map [v] {{output}}';
    expect(rejection(line)).toContain("whose size cannot be known");
  });
});

describe("a start that nothing comes after", () => {
  test.each([
    ["-ss 00:01:00 -i {{input}} -t 5 {{output}}", "-ss 60 is beyond the end of in_1"],
    ["-i {{input}} -ss 60 -c copy {{output}}", "-ss 60 is beyond the end of in_1"],
    [
      "-ss 6 -i {{input}} -ss 5 {{output}}",
      "-ss 5 is beyond the end of in_1, which lasts 4 seconds",
    ],
  ])("is a refusal while planning, not an attempt that fails: %s", (line, words) => {
    expect(rejection(line)).toContain(words);
  });

  test.each([
    "-ss 9 -i {{input}} {{output}}",
    "-stream_loop 9 -ss 60 -i {{input}} -t 5 {{output}}",
    "-i {{input}} -vf setpts=9*PTS -ss 60 {{output}}",
  ])("is none where something may: %s", (line) => {
    expect(rejection(line)).toBeNull();
  });
});

test("where no map matches, ffmpeg chooses by itself, and nothing is promised of what it takes", () => {
  const { outputs } = planned("-i {{input}} -map 0:s? -c copy {{output}}");
  expect(outputs[0]?.unknown).toEqual(["video", "audio"]);
});

test("pictures joined of different rates leave at the fastest, unless the client says one", () => {
  const slow = withVideo({
    frameRate: { num: 10, den: 1 },
    averageFrameRate: { num: 10, den: 1 },
  });
  const join = (graph: string, rest: string, other: SourceInfo) =>
    planned(`-i {{in_1}} -i {{in_2}} -filter_complex ${graph} ${rest} {{output}}`, {
      sources: { in_1: other, in_2: ready },
    }).step.outputs[0]?.options.join(" ");
  const concat = "[0:v][1:v]concat=n=2:v=1:a=0";
  const fps = (ready.video?.frameRate.num ?? 0) / (ready.video?.frameRate.den ?? 1);
  expect(join(concat, "", slow)).toContain(`-r:v ${fps}/1`);
  expect(join(concat, "-r 30", slow)).not.toContain("-r:v");
  expect(join("[0:v]fps=30[a];[1:v]fps=30[b];[a][b]hstack", "", slow)).not.toContain("-r:v");
  expect(join(concat, "", ready)).not.toContain("-r:v");
});

describe("a rate is said of what a graph joins", () => {
  const rateIn = (graph: string) => {
    const { options } =
      planned(`-i {{input}} -filter_complex "${graph}" {{output}}`).step.outputs[0] ?? {};
    return options?.[options.indexOf("-r:v") + 1];
  };

  test.each([
    ["of a generated source", "color=s=64x36:r=30:d=1[c];[c][0:v]concat", "30/1"],
    ["of one at its usual rate", "[0:v]fps=50[v];color=s=64x36:d=1[c];[c][v]concat", "50/1"],
    [
      "made by a filter before it",
      "[0:v]split[a][b];[a]fps=60[c];[b]fps=24[d];[c][d]hstack",
      "60/1",
    ],
    ["of fields", "[0:v]split[a][b];[a]yadif=1[c];[c][b]concat", "50/1"],
    [
      "settled on a branch alone",
      "[0:v]split[a][b];[a]fps=30[c];[c][b]concat,split[d][e];[d]fps=25[f];[e][f]overlay",
      "30/1",
    ],
  ])("%s", (_, graph, rate) => {
    expect(rateIn(graph)).toBe(rate);
  });

  test.each([
    "[0:v]split[a][b];[a]fps=30[c];[c][b]concat,fps=25",
    "[0:v]split[a][b];[a]fps=30[c];[c][b]concat[d];[d]scale=64:36[e];[e]fps=25",
    "color=s=64x36:r=25:d=1[c];[c][0:v]concat",
    "[0:v]fps=50,scale=64:36",
  ])("and not where the graph says it, or there is one: %s", (graph) => {
    expect(rateIn(graph)).not.toContain("/");
  });

  test("whatever ways lead through the graph", () => {
    const steps = Array.from(
      { length: 30 },
      (_, at) => `[j${at}]split[a${at}][b${at}];[a${at}][b${at}]mix[j${at + 1}]`,
    );
    const graph = `[0:v]fps=50[v];[v][0:v]concat[j0];${steps.join(";")}`;
    const line = `-i {{input}} -filter_complex "${graph}" -map [j30] {{output}}`;
    expect(planned(line).step.outputs[0]?.options.join(" ")).toContain("-r:v 50/1");
  });
});

describe("streams that are taken by their language", () => {
  const source = withAudio({ language: "eng" });
  const line = (map: string) => `-i {{input}} -map 0:v -map ${map} {{output}}`;

  test("are promised where the probe found them", () => {
    const { outputs } = planned(line("0:a:m:language:eng"), { sources: { in_1: source } });
    expect(outputs[0]).toMatchObject({ video: {}, audio: {} });
    expect(outputs[0]?.unknown).toBeUndefined();
  });

  test("and refused where there are none, unless they may be missing", () => {
    const sources = { in_1: source };
    expect(rejection(line("0:a:m:language:deu"), { sources })).toContain("matches no stream");
    expect(rejection(line("0:a:m:language:deu?"), { sources })).toBeNull();
  });
});
