import { z } from "zod";
import { companionStem } from "../formats.ts";
import { codecSchema } from "../media.ts";
import { cuesFile, keyPlaylistFile, mediaFile, playlistFile } from "../packaging/presentation.ts";
import type { Divisible, FfmpegStep, PackageStep, PlanResult, PromisedOutput } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import {
  keySeconds,
  type LadderPlan,
  type PictureRendition,
  pictureRenditions,
} from "./parts/hls-pictures.ts";
import {
  audioRenditions,
  type SoundRendition,
  type TextRendition,
  textRenditions,
} from "./parts/hls-tracks.ts";
import { height, preset } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { reachedSeconds, spanOf } from "./parts/span.ts";

const params = z.strictObject({
  maxHeight: height.optional().describe("Largest height of a rendition; by default the source's."),
  codecs: z
    .array(codecSchema.extract(["h264", "hevc", "av1"]))
    .min(1)
    .max(3)
    .refine((codecs) => new Set(codecs).size === codecs.length, { error: "must differ" })
    .default(["h264"])
    .describe("Video codecs; a ladder is made of each."),
  segmentSeconds: z
    .number()
    .min(1)
    .max(30)
    .default(6)
    .describe("Length of a segment, 1 to 30 seconds; key frames are at most 2 seconds apart."),
  audioLanguages: z
    .array(z.string().regex(/^[a-z]{2,3}$/, { error: "must be a language code as in ISO 639" }))
    .min(1)
    .max(20)
    .optional()
    .describe(
      "Languages of sound to keep, the first as the default; by default all, and the source's default first.",
    ),
  layout: z
    .enum(["single_file", "segments"])
    .default("single_file")
    .describe("One file per rendition, read by byte ranges, or a file per segment."),
  preset: preset.default("veryfast"),
});
export type HlsParams = z.infer<typeof params>;

/** Makes an adaptive CMAF ladder with HLS playlists and a DASH manifest over the same files. */
export const hls = defineRecipe({
  name: "hls",
  summary: "Makes an adaptive ladder for HLS and DASH players, never larger than the source.",
  params,
  formats: ["hls"],
  inputs: { min: 1, max: 1 },
  plan,
});

function plan(context: PlanContext<HlsParams>): PlanResult {
  const { source, sourceKey, output, params: asked } = context;
  if (source.video === null && source.audio.length === 0) {
    return unsupported("hls needs video or audio; the source has neither.");
  }
  const span = spanOf(source, { startSeconds: 0 });
  if ("status" in span) return span;
  const stem = companionStem(output.file);
  const pictures = pictureRenditions(context, stem);
  if ("status" in pictures) return pictures;
  const audio = audioRenditions(source, asked, stem);
  if ("status" in audio) return audio;
  const files = filesOf(pictures.renditions.length + audio.length, asked, span.expectedSeconds);
  if (asked.layout === "segments" && files > MAX_FILES) {
    return unsupported(
      `layout segments would make about ${files} files; at most ${MAX_FILES} are made. Use layout single_file, or a longer segmentSeconds.`,
    );
  }
  const subtitles = textRenditions(source, stem);
  const step: FfmpegStep = {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [{ from: { source: sourceKey }, options: pictures.inputOptions }],
    filterComplex: pictures.graph,
    outputs: [
      ...pictures.renditions.map(({ name, options }) => fragmented(mediaFile(name), options)),
      ...audio.map(({ name, options }) => fragmented(mediaFile(name), options)),
      ...subtitles.map(({ name, options }) => ({
        file: cuesFile(name),
        muxer: "webvtt",
        options: [...options, ...NAMELESS],
      })),
    ],
    expectedFrames: pictures.expectedFrames,
    expectedSeconds: reachedSeconds(source, span.expectedSeconds),
    encoder: pictures.encoder,
  };
  const packaging: PackageStep = {
    kind: "package",
    stage: "merging",
    layout: asked.layout,
    segmentSeconds: asked.segmentSeconds,
    master: output.file,
    manifest: `${stem}.mpd`,
    video: pictures.renditions.map(({ name }) => ({ name })),
    audio: audio.map(({ name, language, label }) => ({ name, language, label })),
    subtitles: subtitles.map(({ name, language, label }) => ({ name, language, label })),
  };
  const outputs = promises(
    context,
    packaging,
    { pictures: pictures.renditions, audio, subtitles },
    span.expectedSeconds,
  );
  const division = source.isLengthFound
    ? // Without an index every part would read all that comes before it.
      null
    : divisionOf(step, packaging, pictures, outputs, asked);
  return {
    status: "planned",
    action: "ladder",
    steps: [step, packaging],
    outputs,
    ...(division === null ? {} : { division }),
  };
}

/** A file per segment is counted over the whole: only files that are read by ranges are made in parts. */
function divisionOf(
  step: FfmpegStep,
  packaging: PackageStep,
  { renditions: pictures, temporal }: LadderPlan,
  outputs: readonly PromisedOutput[],
  { layout, segmentSeconds, preset }: HlsParams,
): Divisible | null {
  const [input] = step.inputs;
  if (layout !== "single_file" || step.filterComplex === null) return null;
  if (input === undefined || !("source" in input.from)) return null;
  const drawn = new Set(pictures.map(({ name }) => mediaFile(name)));
  const sound = step.outputs.filter(({ file }) => !drawn.has(file));
  const files = new Set(sound.map(({ file }) => file));
  return {
    source: input.from.source,
    inputOptions: input.options,
    graph: step.filterComplex,
    ...(temporal === null ? {} : { temporal }),
    preset,
    renditions: pictures.map(({ divisible }) => divisible),
    alignedSeconds: keySeconds(segmentSeconds),
    sound:
      sound.length === 0
        ? null
        : { outputs: sound, promises: outputs.filter(({ file }) => files.has(file)) },
    result: { kind: "package", step: packaging },
  };
}

/** More files than a report of an attempt may list (1000), with room for playlists. */
export const MAX_FILES = 900;

function filesOf(renditions: number, { segmentSeconds }: HlsParams, seconds: number | null) {
  return renditions * (1 + Math.ceil((seconds ?? 0) / segmentSeconds));
}

/** Nothing of the source's own words. */
const NAMELESS = ["-map_metadata:g", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1"];

/** Fragments with absolute times; the delay of encoders is in the edit list, which every player reads. */
function fragmented(file: string, options: readonly string[]): FfmpegStep["outputs"][number] {
  const muxing = ["-use_editlist", "1", "-avoid_negative_ts", "disabled", "-write_tmcd", "0"];
  return { file, muxer: "mp4", options: [...options, ...NAMELESS, ...muxing] };
}

interface Renditions {
  readonly pictures: readonly PictureRendition[];
  readonly audio: readonly SoundRendition[];
  readonly subtitles: readonly TextRendition[];
}

function promises(
  { output, source }: PlanContext<HlsParams>,
  { manifest }: PackageStep,
  { pictures, audio, subtitles }: Renditions,
  seconds: number | null,
): readonly PromisedOutput[] {
  const text = (file: string, format: "hls" | "dash" | "vtt"): PromisedOutput => ({
    key: output.key,
    file,
    format,
    role: "part",
    video: null,
    audio: null,
    durationSeconds: seconds,
    durationToleranceSeconds: 0,
  });
  const video = pictures[0]?.promise.video ?? null;
  const sound = audio[0]?.promise.audio ?? null;
  const media = [...pictures, ...audio].map(
    ({ name, promise }): PromisedOutput => ({
      ...promise,
      key: output.key,
      file: mediaFile(name),
      format: "mp4",
      role: "part",
    }),
  );
  const { role: _, ...main } = { ...text(output.file, "hls"), video, audio: sound };
  return [
    main,
    { ...text(manifest, "dash"), role: "companion", video, audio: sound },
    ...media,
    ...[...pictures, ...audio].map(({ name }) => text(playlistFile(name), "hls")),
    ...(source.video === null
      ? []
      : pictures.map(({ name }) => text(keyPlaylistFile(name), "hls"))),
    ...subtitles.flatMap(({ name }) => [
      text(cuesFile(name), "vtt"),
      text(playlistFile(name), "hls"),
    ]),
  ];
}
