import { z } from "zod";
import type { AudioStreamInfo, OutputFormat, SourceInfo } from "../media.ts";
import type { FfmpegStep, PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { type AudioEncoding, byChoice, canCopyAudio, mixdown, planAudio } from "./parts/audio.ts";
import { muxers, privacyOptions } from "./parts/container.ts";
import { audioBitrateKbps, length, seconds } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import {
  beginsEarly,
  durationTolerance,
  expectedOf,
  lengthOf,
  lengthOfStream,
  soundOfPart,
  spanOf,
  spanOptions,
} from "./parts/span.ts";

const params = z.strictObject({
  startSeconds: seconds("Where the part begins").default(0),
  durationSeconds: length("How long the part is; by default to the end").optional(),
  bitrateKbps: audioBitrateKbps.optional(),
  loudnessLufs: z
    .number()
    .min(-36)
    .max(-9)
    .optional()
    .describe(
      "Integrated loudness to bring the sound to, in LUFS as in EBU R 128, peaks at most -1.5 dBTP; it is measured first. Podcasts have -16.",
    ),
});
type Params = z.infer<typeof params>;

const formats = ["mp3", "aac", "wav"] as const;
type AudioFormat = (typeof formats)[number];

const encodings: Readonly<Record<AudioFormat, AudioEncoding>> = {
  mp3: "mp3",
  aac: "aac",
  wav: "pcm_s16le",
};

/** Takes the sound alone, of the track that players begin with, copied where the format allows. */
export const extractAudio = defineRecipe({
  name: "extractAudio",
  summary:
    "Takes the sound alone, of the track that players begin with, copied where the format allows.",
  params,
  formats,
  inputs: { min: 1, max: 1 },
  refuseFormat,
  plan,
});

function isAudioFormat(format: OutputFormat): format is AudioFormat {
  return formats.some((own) => own === format);
}

function refuseFormat({ bitrateKbps }: Params, format: OutputFormat): string | null {
  if (bitrateKbps === undefined) return null;
  if (format === "wav") return "bitrateKbps does not apply to wav, which is not compressed";
  if (format === "mp3" && bitrateKbps > 320) return "bitrateKbps must be 16 to 320 for mp3";
  return null;
}

function plan(context: PlanContext<Params>): PlanResult {
  const { source, sourceKey, output, params: asked } = context;
  const [track] = byChoice(source.audio);
  if (track === undefined) {
    return unsupported("extractAudio needs an audio stream; the source has none.");
  }
  if (!isAudioFormat(output.format))
    return unsupported(`extractAudio cannot make ${output.format}.`);
  const span = spanOf(source, asked);
  if ("status" in span) return span;
  const length =
    track.durationSeconds === null ? null : lengthOfStream(source, track.durationSeconds);
  // Pictures may go on when the sound is over; where it begins late, it is there for longer than this.
  const heard = length === null ? span.expectedSeconds : expectedOf(length, span);
  const { bitrateKbps, loudnessLufs } = asked;
  const isEarly = beginsEarly(source);
  const copies =
    bitrateKbps === undefined &&
    loudnessLufs === undefined &&
    canCopyAudio(track, output.format) &&
    !isEarly;
  const part = isEarly ? soundOfPart(source, span) : undefined;
  const audio = planAudio([
    {
      source: track,
      encoding: copies ? null : encodings[output.format],
      bitrateKbps,
      isNormalised: loudnessLufs !== undefined,
      ...(part === undefined ? {} : { part }),
    },
  ]);
  // Where nothing can be sought, filters cut.
  const inputs = [{ from: { source: sourceKey }, options: isEarly ? [] : spanOptions(span) }];
  const cut = part?.cut ?? [];
  return {
    status: "planned",
    action: copies ? "remux" : "encode",
    steps: [
      ...(loudnessLufs === undefined
        ? []
        : [measuring(inputs, track, { cut, format: output.format }, heard)]),
      {
        kind: "ffmpeg",
        stage: "transcoding",
        inputs,
        filterComplex: null,
        outputs: [
          {
            file: output.file,
            muxer: muxers[output.format],
            options: [
              ...audio.options,
              // Copied packets before the start are left out, though the seek lands before them.
              ...(copies ? ["-copypriorss:a", "0"] : []),
              ...privacyOptions,
              "-map_chapters",
              "-1",
            ],
          },
        ],
        expectedFrames: null,
        expectedSeconds: heard,
        encoder: null,
        ...(loudnessLufs === undefined
          ? {}
          : { loudness: { file: LOUDNESS_FILE, targetLufs: loudnessLufs } }),
      },
    ],
    outputs: [
      {
        ...output,
        video: null,
        audio: audio.promise,
        durationSeconds: coversSource(track, source) ? span.expectedSeconds : null,
        durationToleranceSeconds: span.toleranceSeconds,
      },
    ],
  };
}

const LOUDNESS_FILE = "loudness.txt";

/** Writes the loudness so far, ten times a second; the last is that of the whole. As it will be mixed down. */
function measuring(
  inputs: FfmpegStep["inputs"],
  track: AudioStreamInfo,
  { cut, format }: { readonly cut: readonly string[]; readonly format: AudioFormat },
  expectedSeconds: number | null,
): FfmpegStep {
  const filters = [
    ...cut,
    mixdown(track, encodings[format]),
    "ebur128=metadata=1:peak=true",
    `ametadata=mode=print:file=${LOUDNESS_FILE}`,
  ];
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs,
    filterComplex: null,
    outputs: [
      {
        file: "loudness.null",
        muxer: "null",
        options: ["-map", `0:${track.index}`, "-filter:a:0", filters.join(",")],
      },
    ],
    expectedFrames: null,
    expectedSeconds,
    encoder: null,
  };
}

/** Whether the track is known to last as long as the source; where it does not, no length is promised. */
function coversSource(track: AudioStreamInfo, source: SourceInfo): boolean {
  const total = lengthOf(source);
  if (track.durationSeconds === null || total === null) return false;
  return Math.abs(total.seconds - track.durationSeconds) <= durationTolerance(total.seconds) / 2;
}
