/** The options that plans give VAAPI's and Quick Sync's encoders, against what ffmpeg 5.1 lists of them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { VideoCodec } from "../../../protocol/media.ts";
import { presets } from "../../../protocol/recipes/parts/params.ts";
import { encoderArguments, type Quality } from "../../../protocol/recipes/parts/video-encoder.ts";

interface Option {
  readonly from: number;
  readonly to: number;
  readonly words: readonly string[];
}

/** `ffmpeg -h encoder=NAME`, one after the other. */
const recorded = readFileSync(
  new URL("../../worker-node/ffmpeg/fixtures/encoder-options-5.1.txt", import.meta.url),
  "utf8",
);

/** An encoder's own options, with their ranges and the words that stand for numbers. */
function optionsOf(encoder: string): ReadonlyMap<string, Option> {
  const [, own = ""] = recorded.split(`Encoder ${encoder} [`);
  const options = new Map<string, Option>();
  let last = "";
  for (const line of own.split("\nEncoder ")[0]?.split("\n") ?? []) {
    const option = /^ {2}(-\w+) .*?(?:\(from (\S+) to (\S+)\))?(?: \(default .*\))?$/.exec(line);
    const word = /^ {5}(\w+) /.exec(line);
    if (option?.[1] !== undefined) {
      last = option[1];
      const number = (text: string | undefined, other: number) => Number(text ?? other) || other;
      options.set(last, {
        ...{ from: number(option[2], -Infinity), to: number(option[3], Infinity), words: [] },
      });
    } else if (word?.[1] !== undefined) {
      const known = options.get(last);
      if (known) options.set(last, { ...known, words: [...known.words, word[1]] });
    }
  }
  return options;
}

/** Of ffmpeg or of every encoder. */
const COMMON = new Set([
  ...["-c:v", "-g", "-b:v", "-maxrate", "-bufsize", "-force_key_frames", "-tag:v"],
  ...["-global_quality"],
]);

const encoders: readonly [string, VideoCodec][] = [
  ["h264_vaapi", "h264"],
  ["hevc_vaapi", "hevc"],
  ["vp9_vaapi", "vp9"],
  ["h264_qsv", "h264"],
  ["hevc_qsv", "hevc"],
  ["vp9_qsv", "vp9"],
];
const highest: Readonly<Record<VideoCodec, number>> = { h264: 51, hevc: 51, av1: 63, vp9: 63 };

function argumentsOf(encoder: string, codec: VideoCodec, quality: Quality, preset = "medium") {
  const device = encoder.endsWith("_qsv") ? "qsv:/dev/dri/renderD128" : "vaapi:/dev/dri/renderD128";
  return encoderArguments(
    { encoder, codec, device, bitDepths: [8], maxSessions: 1 },
    {
      ...{ quality, bitDepth: 8, gop: 60, alignedSeconds: "2", format: "mp4" },
      preset: presets.find((known) => known === preset) ?? "medium",
    },
  );
}

describe.each(encoders)("every option that a plan gives %s", (encoder, codec) => {
  const own = optionsOf(encoder);
  const qualities: readonly Quality[] = [
    { kind: "crf", crf: 0 },
    { kind: "crf", crf: highest[codec] },
    { kind: "bitrate", kbps: 800 },
    { kind: "capped", crf: 23, maxKbps: 4000 },
    { kind: "two_pass", kbps: 800, pass: 1 },
  ];

  test.each(qualities)("is known to it and in its range: %j", (quality) => {
    for (const preset of presets) {
      const { output } = argumentsOf(encoder, codec, quality, preset);
      for (let at = 0; at < output.length; at += 2) {
        const [name = "", value = ""] = [output[at], output[at + 1]];
        const option = own.get(name);
        if (option === undefined) {
          expect(COMMON, `${encoder} has no ${name}`).toContain(name);
        } else if (/^-?\d+$/.test(value)) {
          expect(Number(value)).toBeGreaterThanOrEqual(option.from);
          expect(Number(value)).toBeLessThanOrEqual(option.to);
        } else {
          expect(option.words, `${name} ${value}`).toContain(value);
        }
      }
    }
  });

  test("says the quality: another crf is another command", () => {
    const [low, high] = [20, 40].map((crf) =>
      argumentsOf(encoder, codec, { kind: "crf", crf }).output.join(" "),
    );
    expect(low).not.toBe(high);
  });
});

test("VP9's and AV1's crf of 63 steps becomes the quantiser's index with VAAPI, and 51 steps with Quick Sync", () => {
  const of = (encoder: string, codec: VideoCodec, crf: number) => {
    const { output } = argumentsOf(encoder, codec, { kind: "crf", crf });
    return output[output.indexOf("-global_quality") + 1];
  };
  expect([of("vp9_vaapi", "vp9", 32), of("av1_vaapi", "av1", 63)]).toEqual(["128", "252"]);
  expect([of("vp9_qsv", "vp9", 63), of("av1_qsv", "av1", 32)]).toEqual(["51", "26"]);
});

test.each(["h264_qsv", "hevc_qsv", "vp9_qsv"])(
  "%s begins anew at each forced key frame",
  (name) => {
    const codec = encoders.find(([encoder]) => encoder === name)?.[1] ?? "h264";
    const { output } = argumentsOf(name, codec, { kind: "capped", crf: 23, maxKbps: 4000 });
    expect(output.join(" ")).toMatch(/-force_key_frames .*-forced_idr 1/);
  },
);

test.each([
  [8, "nv12", "main"],
  [10, "p010le", "main10"],
] as const)(
  "VideoToolbox makes %d bits of HEVC of %s in profile %s",
  (bitDepth, format, profile) => {
    const { filters, output } = encoderArguments(
      {
        encoder: "hevc_videotoolbox",
        codec: "hevc",
        device: "videotoolbox",
        bitDepths: [8, 10],
        maxSessions: 1,
      },
      {
        quality: { kind: "bitrate", kbps: 1000 },
        preset: "medium",
        bitDepth,
        gop: 60,
        format: "mp4",
      },
    );
    expect(filters).toEqual([`format=pix_fmts=${format}`]);
    expect(output.join(" ")).toContain(`-profile:v ${profile} -b:v 1000k -maxrate 1500k`);
  },
);
