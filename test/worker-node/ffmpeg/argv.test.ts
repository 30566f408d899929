import { describe, expect, it } from "vitest";
import {
  deviceEnv,
  deviceOptions,
  isEarlyEnd,
  stepArgv,
} from "../../../worker-node/ffmpeg/argv.ts";
import { stepOf } from "./support.ts";

const context = {
  inputUrl: (key: string) => `http://127.0.0.1:4711/${key}`,
  features: { statsPeriod: true, fpsMode: true, cmafFlag: true, vmaf: false },
};

/** The options that stand before the n-th `-i`. */
function beforeInput(argv: readonly string[]): string[] {
  return argv.slice(0, argv.indexOf("-i"));
}

function valueAfter(argv: readonly string[], option: string): string | undefined {
  const at = argv.lastIndexOf(option);
  return at < 0 ? undefined : argv[at + 1];
}

describe("a step's argv", () => {
  it("lets a source be opened over loopback http by three demuxers, whatever the plan says", () => {
    const step = stepOf({
      inputs: [
        {
          from: { source: "in_1" },
          options: ["-protocol_whitelist", "file,https", "-format_whitelist", "hls"],
        },
      ],
    });
    const input = beforeInput(stepArgv(step, context));
    expect(valueAfter(input, "-protocol_whitelist")).toBe("http,tcp");
    expect(valueAfter(input, "-format_whitelist")).toBe("mov,matroska,avi");
    expect(valueAfter(input, "-max_pixels")).toBe(String(8192 * 8192));
  });

  it("asks on where an answer ends early only of a source of which it is said what will be needed", () => {
    const asked: unknown[] = [];
    const inputUrl = (key: string, reads?: object) => {
      asked.push(reads);
      return context.inputUrl(key);
    };
    const reads = { from: 5, to: 9 };
    const argvOf = (from: { source: string; reads?: typeof reads }) =>
      beforeInput(stepArgv(stepOf({ inputs: [{ from, options: [] }] }), { ...context, inputUrl }));
    expect(argvOf({ source: "in_1" })).not.toContain("-reconnect");
    const argv = argvOf({ source: "in_1", reads });
    expect([valueAfter(argv, "-reconnect"), valueAfter(argv, "-reconnect_delay_max")]).toEqual([
      "1",
      "0",
    ]);
    expect(asked).toEqual([undefined, reads]);
  });

  it.each([
    ["[http @ 0x560da92d0180] Stream ends prematurely at 1000048, should be 5125942", true],
    ["[http @ 0x560da92d0180] HTTP error 502 Bad Gateway", false],
    ["[mov,mp4,m4a,3gp,3g2,mj2 @ 0x559d] stream 0, offset 0xf6e88: partial file", false],
  ])("meets answers that end early, of which it is no fault to say: %s", (line, isOne) => {
    expect(isEarlyEnd(line)).toBe(isOne);
  });

  it("opens a file of an earlier step as a file and nothing else", () => {
    const step = stepOf({ inputs: [{ from: { file: "palette.png" }, options: [] }] });
    const argv = stepArgv(step, context);
    expect(valueAfter(argv, "-protocol_whitelist")).toBe("file");
    expect(valueAfter(argv, "-i")).toBe("file:palette.png");
  });

  it("keeps order: options, inputs, graph, then each output with its muxer and name last", () => {
    const step = stepOf({
      filterComplex: "[0:v]split[a][b]",
      outputs: [
        { file: "a.mp4", muxer: "mp4", options: ["-map", "[a]"] },
        { file: "b.webm", muxer: "webm", options: ["-map", "[b]"] },
      ],
    });
    const argv = stepArgv(step, context);
    expect(argv.slice(argv.indexOf("-i") + 1)).toEqual([
      "http://127.0.0.1:4711/in_1",
      ...["-filter_complex", "[0:v]split[a][b]"],
      ...["-map", "[a]", "-f", "mp4", "file:a.mp4"],
      ...["-map", "[b]", "-f", "webm", "file:b.webm"],
    ]);
    expect(argv.slice(0, 4)).toEqual(["-nostdin", "-hide_banner", "-v", "error"]);
    expect(valueAfter(argv, "-progress")).toBe("pipe:1");
    expect(valueAfter(argv, "-max_alloc")).toBe(String(1024 ** 3));
  });

  it("gives decoders, filters and encoders the threads it may have", () => {
    const argv = stepArgv(stepOf(), { ...context, threads: 2 });
    expect(argv.filter((option) => option === "-threads")).toHaveLength(2);
    expect(valueAfter(argv, "-filter_complex_threads")).toBe("2");
  });

  it("speaks the words of older versions", () => {
    const step = stepOf({
      outputs: [{ file: "a.mp4", muxer: "mp4", options: ["-fps_mode", "passthrough"] }],
    });
    const old = stepArgv(step, {
      ...context,
      features: { statsPeriod: false, fpsMode: false, cmafFlag: false, vmaf: false },
    });
    expect(valueAfter(old, "-vsync")).toBe("passthrough");
    expect(old).not.toContain("-fps_mode");
    expect(old).not.toContain("-stats_period");
    const current = stepArgv(step, context);
    expect(valueAfter(current, "-fps_mode")).toBe("passthrough");
    expect(current).toContain("-stats_period");
  });

  it("spells out the flag cmaf for versions that lack it, and no other word of that sound", () => {
    const options = ["-movflags", "+cmaf+delay_moov", "-metadata", "title=cmaf"];
    const step = stepOf({ outputs: [{ file: "a.mp4", muxer: "mp4", options }] });
    const features = { statsPeriod: true, fpsMode: true, cmafFlag: false, vmaf: false };
    const old = stepArgv(step, { ...context, features });
    expect(valueAfter(old, "-movflags")).toBe("+default_base_moof+negative_cts_offsets+delay_moov");
    expect(valueAfter(old, "-use_editlist")).toBe("0");
    expect(valueAfter(old, "-metadata")).toBe("title=cmaf");
    expect(valueAfter(stepArgv(step, context), "-movflags")).toBe("+cmaf+delay_moov");
  });

  it.each(["../out.mp4", "/etc/passwd", "a/b.mp4", "http:x", ".hidden", "a%d.jpg", "", "a\n.mp4"])(
    "refuses to write %j",
    (file) => {
      const step = stepOf({ outputs: [{ file, muxer: "mp4", options: [] }] });
      expect(() => stepArgv(step, context)).toThrow(RangeError);
    },
  );

  it("takes no file name for an option", () => {
    const step = stepOf({ outputs: [{ file: "-y", muxer: "mp4", options: [] }] });
    expect(stepArgv(step, context).at(-1)).toBe("file:-y");
  });

  it.each(["in_../x", "out_1", "IN_1"])("refuses the input %j", (source) => {
    const step = stepOf({ inputs: [{ from: { source }, options: [] }] });
    expect(() => stepArgv(step, context)).toThrow(RangeError);
  });

  it.each([
    "https://127.0.0.1/x",
    "http://localhost:1/x",
    "http://169.254.169.254/latest",
    "http://127.0.0.1.example.com/x",
    "file:///etc/passwd",
  ])("refuses a source at %s: only the agent's own server is one", (url) => {
    expect(() => stepArgv(stepOf(), { ...context, inputUrl: () => url })).toThrow(RangeError);
  });
});

describe("a device", () => {
  it("of VAAPI or QSV is opened by name; cards of NVIDIA are pinned by environment", () => {
    expect(deviceOptions("vaapi:/dev/dri/renderD128")).toContain("vaapi=hw:/dev/dri/renderD128");
    expect(deviceOptions("qsv:/dev/dri/renderD129")).toContain(
      "qsv=hw,child_device=/dev/dri/renderD129",
    );
    expect(deviceOptions("cuda:1")).toEqual([]);
    expect(deviceOptions("cpu")).toEqual([]);
    expect(deviceEnv("cuda:1", undefined)).toEqual({ CUDA_VISIBLE_DEVICES: "1" });
    expect(deviceEnv("cpu", "0")).toEqual({});
  });

  it("is counted among those that the agent itself is confined to", () => {
    expect(deviceEnv("cuda:1", "2,3")).toEqual({ CUDA_VISIBLE_DEVICES: "3" });
    expect(deviceEnv("cuda:0", "GPU-8932f937")).toEqual({ CUDA_VISIBLE_DEVICES: "GPU-8932f937" });
  });
});
