import { describe, expect, it } from "vitest";
import { cleanLine } from "../../../worker-node/ffmpeg/clean-line.ts";
import { diagnose } from "../../../worker-node/ffmpeg/failure.ts";

const ending = {
  exitCode: 1 as number | null,
  signal: null as string | null,
  stderr: [] as string[],
  usesHardware: false,
  memoryBytes: null,
};

describe("a refused input", () => {
  it.each([
    {
      version: "5.1",
      exitCode: 1,
      stderr: ["http://127.0.0.1:4711/t0ken: Invalid data found when processing input"],
    },
    {
      version: "7.0",
      exitCode: 183,
      stderr: [
        "[in#0 @ 0x44056b40] Error opening input: Invalid data found when processing input",
        "Error opening input file http://127.0.0.1:4711/t0ken.",
        "Error opening input files: Invalid data found when processing input",
      ],
    },
  ])("is named in ffmpeg's words and not tried again ($version)", ({ exitCode, stderr }) => {
    expect(diagnose({ ...ending, exitCode, stderr })).toEqual({
      code: "TRANSCODE_ERROR",
      detail: `FFmpeg exited with code ${exitCode}: Invalid data found when processing input`,
      retryable: false,
      hardwareFault: null,
    });
  });

  it("carries the cause beside the last word", () => {
    const { detail } = diagnose({
      ...ending,
      stderr: [
        "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d11fce5940] moov atom not found",
        "http://127.0.0.1:1/x: Invalid data found when processing input",
      ],
    });
    expect(detail).toBe(
      "FFmpeg exited with code 1: Invalid data found when processing input (moov atom not found)",
    );
  });

  it("is not described by lines that say nothing", () => {
    const { detail } = diagnose({
      ...ending,
      stderr: [
        "[libx264 @ 0x1] width not divisible by 2 (321x180)",
        "Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height",
        "Conversion failed!",
      ],
    });
    expect(detail).toBe("FFmpeg exited with code 1: width not divisible by 2 (321x180)");
  });
});

describe("a fault that another try may not meet is retryable", () => {
  it.each([
    "av_interleaved_write_frame(): No space left on device",
    "[libx264 @ 0x5] malloc of size 123 failed: Cannot allocate memory",
    "http://127.0.0.1:1/x: Input/output error",
    "[http @ 0x5] HTTP error 502 Bad Gateway",
    "[tcp @ 0x5] Connection to tcp://127.0.0.1:1 failed: Connection refused",
    "http://127.0.0.1:1/x: Stream ends prematurely at 100, should be 200",
  ])("%s", (line) => {
    expect(diagnose({ ...ending, stderr: [line] })).toMatchObject({
      code: "TRANSCODE_ERROR",
      retryable: true,
    });
  });

  it("an end without a word", () => {
    expect(diagnose(ending)).toMatchObject({
      detail: "FFmpeg exited with code 1 without a message.",
      retryable: true,
    });
  });
});

describe("an end that was not ffmpeg's own is the engine's fault", () => {
  it.each([
    { signal: "SIGKILL", exitCode: null, detail: "FFmpeg was killed by SIGKILL." },
    { signal: "SIGSEGV", exitCode: null, detail: "FFmpeg crashed with SIGSEGV." },
    {
      signal: null,
      exitCode: 255,
      detail: "FFmpeg was told to stop by another process (exit code 255).",
    },
  ])("$signal $exitCode", ({ signal, exitCode, detail }) => {
    expect(diagnose({ ...ending, signal, exitCode })).toMatchObject({
      code: "ENGINE_INVOCATION_ERROR",
      detail,
      retryable: true,
    });
  });

  it("a binary that vanished could not be started", () => {
    const stderr = ["setpriv: failed to execute /opt/ffmpeg: No such file or directory"];
    expect(diagnose({ ...ending, exitCode: 127, stderr })).toMatchObject({
      code: "ENGINE_INVOCATION_ERROR",
      retryable: true,
    });
  });

  it("save the size limit's signal: the same output would be too large again", () => {
    expect(diagnose({ ...ending, signal: "SIGXFSZ", exitCode: null })).toMatchObject({
      code: "TRANSCODE_ERROR",
      retryable: false,
    });
  });
});

describe("a fault of the hardware is told by its text, whatever the exit code", () => {
  const cases: [string, string[]][] = [
    ["absent", ["[h264_nvenc @ 0x564a844e8ac0] Cannot load libcuda.so.1"]],
    ["absent", ["[h264_nvenc @ 0x5] Cannot load libnvidia-encode.so.1"]],
    [
      "absent",
      [
        "[h264_nvenc @ 0x5] OpenEncodeSessionEx failed: unsupported device (2): (no details)",
        "[h264_nvenc @ 0x5] No capable devices found",
      ],
    ],
    [
      "driver",
      [
        "[h264_nvenc @ 0x5] Driver does not support the required nvenc API version. Required: 12.1 Found: 11.0",
        "[h264_nvenc @ 0x5] The minimum required Nvidia driver for nvenc is 530.41.03 or newer",
      ],
    ],
    [
      "exhausted",
      [
        "[h264_nvenc @ 0x5] OpenEncodeSessionEx failed: out of memory (10): (no details)",
        "[h264_nvenc @ 0x5] No capable devices found",
      ],
    ],
    [
      "exhausted",
      ["[h264_nvenc @ 0x5] OpenEncodeSessionEx failed: incompatible client key (21): (no details)"],
    ],
    ["exhausted", ["[hevc_nvenc @ 0x5] CUDA_ERROR_OUT_OF_MEMORY: out of memory"]],
    ["exhausted", ["[h264 @ 0x5] No decoder surfaces left"]],
    [
      "unsupported",
      [
        "[hevc_nvenc @ 0x5] 10 bit encode not supported",
        "[hevc_nvenc @ 0x5] No capable devices found",
      ],
    ],
    [
      "unsupported",
      [
        "[h264_nvenc @ 0x5] InitializeEncoder failed: invalid param (8): Frame Dimension less than the minimum supported value.",
      ],
    ],
    [
      "graph",
      ["[h264 @ 0x5] Failed setup for format cuda: hwaccel initialisation returned error."],
    ],
    [
      "graph",
      [
        "Impossible to convert between the formats supported by the filter 'Parsed_null_0' and the filter 'auto_scaler_0'",
      ],
    ],
  ];
  it.each(cases)("%s: %j", (fault, stderr) => {
    for (const exitCode of [1, 234]) {
      expect(diagnose({ ...ending, exitCode, stderr, usesHardware: true })).toMatchObject({
        code: "TRANSCODE_ERROR",
        retryable: true,
        hardwareFault: fault,
      });
    }
  });

  it("and never where no hardware was asked for", () => {
    const stderr = [
      "Impossible to convert between the formats supported by the filter 'a' and 'b'",
    ];
    expect(diagnose({ ...ending, stderr })).toMatchObject({
      retryable: false,
      hardwareFault: null,
    });
  });
});

describe("a line that others see", () => {
  it.each([
    ["http://127.0.0.1:4711/s3cret: Invalid data", "<source>: Invalid data"],
    [
      "Error opening input file https://u:p@h.example/a?sig=1.",
      "Error opening input file <source>",
    ],
    ["/home/ana/scratch/out.mp4: Permission denied", "<file>: Permission denied"],
    ["Could not open 'C:\\Users\\ana\\x.mp4'", "Could not open '<file>'"],
    ["[mov @ 0x55d11fce5940] moov atom not found", "[mov] moov atom not found"],
    ["file:out.mp4: No such file", "out.mp4: No such file"],
    ["rate 30000/1001 and video/mp4", "rate 30000/1001 and video/mp4"],
  ])("%s", (line, expected) => {
    expect(cleanLine(line)).toBe(expected);
  });
});
