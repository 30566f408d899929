/** Probed sources and encoders for tests of plans; nothing is run. */

import { extensionOf } from "../../../protocol/formats.ts";
import type {
  AudioStreamInfo,
  EncoderCapability,
  OutputFormat,
  SourceInfo,
  VideoStreamInfo,
} from "../../../protocol/media.ts";
import type { FfmpegStep, Plan, PlanResult } from "../../../protocol/plan.ts";
import { defaultFormat, planWork, recipeRequestSchema } from "../../../protocol/recipes/index.ts";

export const video: VideoStreamInfo = {
  index: 0,
  codec: "h264",
  profile: "High",
  level: 31,
  pixelFormat: "yuv420p",
  bitDepth: 8,
  width: 1280,
  height: 720,
  rotation: 0,
  sampleAspect: { num: 1, den: 1 },
  frameRate: { num: 25, den: 1 },
  averageFrameRate: { num: 25, den: 1 },
  frames: 250,
  interlaced: false,
  color: { primaries: "bt709", transfer: "bt709", space: "bt709", range: "tv" },
  timeBase: { num: 1, den: 12_800 },
  startSeconds: 0,
  durationSeconds: 10,
  bitrateKbps: 2000,
};

export const audio: AudioStreamInfo = {
  index: 1,
  codec: "aac",
  profile: "LC",
  channels: 2,
  sampleRate: 48_000,
  language: "eng",
  durationSeconds: 10,
  bitrateKbps: 128,
};

const mp4: NonNullable<SourceInfo["mp4"]> = {
  headFirst: true,
  fragmented: false,
  simpleEditList: true,
  maxKeyframeGapSeconds: 4,
  sampleDecodesCleanly: true,
};

/** What webReady leaves alone; each test spoils one thing. */
export const ready: SourceInfo = {
  format: "mov,mp4,m4a,3gp,3g2,mj2",
  sizeBytes: 2_500_000,
  durationSeconds: 10,
  startSeconds: 0,
  bitrateKbps: 2128,
  video,
  audio: [audio],
  subtitles: [],
  attachedPictures: 0,
  mp4,
};

export const withVideo = (changes: Partial<VideoStreamInfo>): SourceInfo => ({
  ...ready,
  video: { ...video, ...changes },
});
export const withAudio = (changes: Partial<AudioStreamInfo>): SourceInfo => ({
  ...ready,
  audio: [{ ...audio, ...changes }],
});
export const withMp4 = (changes: Partial<typeof mp4>): SourceInfo => ({
  ...ready,
  mp4: { ...mp4, ...changes },
});
export const matroska: SourceInfo = { ...ready, format: "matroska,webm", mp4: null };
export const hdr = withVideo({
  codec: "hevc",
  bitDepth: 10,
  pixelFormat: "yuv420p10le",
  color: { primaries: "bt2020", transfer: "smpte2084", space: "bt2020nc", range: "tv" },
});

export const software: readonly EncoderCapability[] = [
  { encoder: "libx264", codec: "h264", device: "cpu", bitDepths: [8], maxSessions: null },
  { encoder: "libx265", codec: "hevc", device: "cpu", bitDepths: [8, 10], maxSessions: null },
  { encoder: "libvpx-vp9", codec: "vp9", device: "cpu", bitDepths: [8], maxSessions: null },
];
export const nvenc: readonly EncoderCapability[] = [
  { encoder: "h264_nvenc", codec: "h264", device: "cuda:0", bitDepths: [8], maxSessions: 3 },
  { encoder: "hevc_nvenc", codec: "hevc", device: "cuda:0", bitDepths: [8, 10], maxSessions: 3 },
];

export function plan(
  source: SourceInfo,
  recipe: Readonly<Record<string, unknown>>,
  format?: OutputFormat,
  encoders: readonly EncoderCapability[] = software,
): PlanResult {
  const request = recipeRequestSchema.parse(recipe);
  const kind = format ?? defaultFormat(request.name);
  const output = { key: "out_1", file: `result.${extensionOf[kind]}`, format: kind };
  return planWork({ mode: "recipe", recipe: request }, { in_1: source }, output, encoders);
}

/** The plan, or the test fails with the rejection's words. */
export function planned(...args: Parameters<typeof plan>): Plan {
  const result = plan(...args);
  if (result.status === "rejected") throw new Error(`rejected: ${result.detail}`);
  return result;
}

/** The options of a plan's last ffmpeg run, input's and output's. */
export function optionsOf(result: Plan): { input: readonly string[]; output: readonly string[] } {
  const step = result.steps.findLast((one): one is FfmpegStep => one.kind === "ffmpeg");
  if (step === undefined) throw new Error("the plan runs no ffmpeg");
  return {
    input: step.inputs.flatMap((input) => input.options),
    output: step.outputs.flatMap((output) => output.options),
  };
}

/** The value after an option, as `-crf` → `23`. */
export function optionValue(options: readonly string[], name: string): string | undefined {
  const at = options.indexOf(name);
  return at < 0 ? undefined : options[at + 1];
}
