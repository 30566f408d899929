/** Where pictures lie on the way from decoder to encoder; nothing is run. */
import { describe, expect, test } from "vitest";
import type { EncoderCapability, VideoStreamInfo } from "../../../protocol/media.ts";
import type { FfmpegStep, PlanResult } from "../../../protocol/plan.ts";
import { planWork } from "../../../protocol/recipes/index.ts";
import { nvenc, ready, software, withVideo } from "./sources.ts";

const onCard: readonly EncoderCapability[] = nvenc.map((capability) => ({
  ...capability,
  maxSessions: 8,
  decodes: ["h264:8", "hevc:10"],
}));
const vaapi: readonly EncoderCapability[] = [
  {
    encoder: "h264_vaapi",
    codec: "h264",
    device: "vaapi:/dev/dri/renderD128",
    bitDepths: [8],
    maxSessions: 8,
    decodes: ["h264:8"],
  },
];

function stepOf(result: PlanResult): FfmpegStep {
  const [step] = result.status === "planned" ? result.steps : [];
  if (step?.kind !== "ffmpeg") throw new Error(JSON.stringify(result));
  return step;
}

function ladder(
  change: Partial<VideoStreamInfo>,
  encoders: readonly EncoderCapability[] = [...onCard, ...software],
  codecs: readonly string[] = ["h264"],
) {
  const work = { mode: "recipe", recipe: { name: "hls", maxHeight: 480, codecs } } as const;
  const output = { key: "out_1", file: "a.m3u8", format: "hls" } as const;
  const step = stepOf(planWork(work, { in_1: withVideo(change) }, output, encoders));
  return {
    step,
    input: step.inputs[0]?.options.join(" "),
    graph: step.filterComplex ?? "",
  };
}

function resize(change: Partial<VideoStreamInfo>, encoders = [...onCard, ...software]) {
  const work = { mode: "recipe", recipe: { name: "resize", width: 640 } } as const;
  const output = { key: "out_1", file: "a.mp4", format: "mp4" } as const;
  const step = stepOf(planWork(work, { in_1: withVideo(change) }, output, encoders));
  const options = step.outputs[0]?.options ?? [];
  return {
    input: step.inputs[0]?.options.join(" "),
    filters: options[options.indexOf("-filter:v") + 1] ?? "",
  };
}

/** Decoded by the CPU, and of one size to the end. */
const CPU_INPUT = "-noautorotate -reinit_filter:v 0";
const CUDA_INPUT = "-hwaccel cuda -hwaccel_output_format cuda -extra_hw_frames 8 -noautorotate";

describe("with a card that decodes and scales", () => {
  test("a ladder is decoded once, on the card, and no picture leaves it", () => {
    const { input, graph, step } = ladder({});
    expect(input).toBe(CUDA_INPUT);
    expect(graph).toBe(
      "[0:0]split=3[s0][s1][s2];" +
        "[s0]scale_cuda=w=854:h=480:format=nv12,setsar=sar=1[v0];" +
        "[s1]scale_cuda=w=640:h=360:format=nv12,setsar=sar=1[v1];" +
        "[s2]scale_cuda=w=426:h=240:format=nv12,setsar=sar=1[v2]",
    );
    expect(step.encoder).toEqual({
      name: "h264_nvenc",
      device: "cuda:0",
      sessions: 3,
      deviceSessions: 3,
    });
  });

  test("what it does not decode is moved there once, before the pictures part", () => {
    const { input, graph } = ladder({ codec: "mpeg4" });
    expect(input).toBe("");
    expect(graph).toMatch(/^\[0:0\]format=pix_fmts=nv12,hwupload_cuda,split=3/);
    expect(graph).toContain("scale_cuda=w=640:h=360:format=nv12");
  });

  test.each<[string, Partial<VideoStreamInfo>, RegExp]>([
    ["turned", { rotation: 90 }, /^scale=w=/],
    ["interlaced", { interlaced: true }, /^scale=w=1280:h=720,bwdif/],
    ["with odd pixels", { sampleAspect: { num: 16, den: 11 } }, /^scale=w=/],
    ["of RGB", { pixelFormat: "gbrp" }, /^scale=w=/],
  ])("pictures %s are the CPU's until the encoder", (kind, change, filters) => {
    const { input, filters: chain } = resize(change);
    expect(input).toBe(kind === "turned" ? "" : CPU_INPUT);
    expect(chain).toMatch(filters);
    expect(chain).not.toContain("cuda");
    expect(chain).toMatch(/format=pix_fmts=nv12$/);
  });

  test("HDR stays on the card as 10-bit HEVC, and is the CPU's where it becomes SDR", () => {
    const hdr = {
      ...{ codec: "hevc", pixelFormat: "yuv420p10le", bitDepth: 10 },
      color: { primaries: "bt2020", transfer: "smpte2084", space: "bt2020nc", range: "tv" },
    } as const;
    const kept = ladder(hdr, [...onCard, ...software], ["hevc"]);
    expect(kept.input).toBe(CUDA_INPUT);
    expect(kept.graph).toContain("format=p010le");
    const toned = ladder(hdr);
    expect(toned.input).toBe(CPU_INPUT);
    expect(toned.graph).toContain("tonemap=hable");
    expect(toned.graph).not.toContain("cuda");
  });

  test("10-bit pictures that become 8-bit ones are decoded by the CPU", () => {
    const { input, filters } = resize({ codec: "hevc", pixelFormat: "yuv420p10le", bitDepth: 10 });
    expect(input).toBe("");
    expect(filters).toBe(
      "format=pix_fmts=nv12,hwupload_cuda,scale_cuda=w=640:h=360:format=nv12,setsar=sar=1",
    );
  });

  test("a ladder that the CPU takes part in is decoded by the CPU", () => {
    const { input, graph } = ladder({}, [...onCard.slice(0, 1), ...software], ["h264", "hevc"]);
    expect(input).toBe("");
    expect(graph).toContain("hwupload_cuda");
    expect(graph).toContain("scale=w=640:h=360");
  });

  test("more rungs than it has sessions go to the CPU as a whole", () => {
    const few = onCard.map((capability) => ({ ...capability, maxSessions: 2 }));
    const { graph, step } = ladder({}, [...few, ...software]);
    expect(step.encoder).toMatchObject({ name: "libx264", device: "cpu" });
    expect(graph).not.toContain("cuda");
  });
});

test("VAAPI keeps its pictures as well, on the device that the agent opened", () => {
  const { input, filters } = resize({}, [...vaapi, ...software]);
  expect(input).toContain("-hwaccel vaapi -hwaccel_output_format vaapi -hwaccel_device hw");
  expect(filters).toBe("scale_vaapi=w=640:h=360:format=nv12,setsar=sar=1");
  expect(resize({ codec: "mpeg4" }, [...vaapi, ...software]).filters).toMatch(
    /^format=pix_fmts=nv12,hwupload,scale_vaapi=/,
  );
});

test("a card without filters of its own is fed from memory, as is every other family", () => {
  const { input, filters } = resize({}, [...nvenc, ...software]);
  expect(input).toBe(CPU_INPUT);
  expect(filters).toMatch(/^scale=w=640.*format=pix_fmts=nv12$/);
});

test("a card that refused B-frames others refer to is asked for none", () => {
  const plain = nvenc.map((capability) => ({ ...capability, plain: true }));
  const work = { mode: "recipe", recipe: { name: "transcode" } } as const;
  const output = { key: "out_1", file: "a.mp4", format: "mp4" } as const;
  const options = stepOf(planWork(work, { in_1: ready }, output, plain)).outputs[0]?.options;
  expect(options?.join(" ")).toContain("-bf 0 -spatial-aq 1");
  expect(options).not.toContain("-b_ref_mode");
});
