/** Sources that differ, made alike and joined by encoding them anew. */
import type { EncoderCapability, Rational, SourceInfo, VideoCodec } from "../../media.ts";
import type { FfmpegStep, PlanResult, Reference, Rejection } from "../../plan.ts";
import { pickEncoder } from "../pick-encoder.ts";
import {
  audioEncoders,
  defaultAudio,
  gapless,
  kbpsByChannels,
  layouts,
  outgoingChannels,
  sampleRate,
} from "./audio.ts";
import { keptGraph } from "./changing-size.ts";
import { refuseHdr, sdrTags, tagOptions } from "./color.ts";
import { containerOptions, defaultCodec, muxers } from "./container.ts";
import { displaySize, type Framing, framing, type Size } from "./geometry.ts";
import type { JoinContext } from "./join.ts";
import { languageOption } from "./language.ts";
import { durationTolerance, lengthOf } from "./span.ts";
import {
  averageFps,
  exactRate,
  gopFrames,
  isConstantRate,
  secondsText,
  ticksPerSecond,
} from "./timing.ts";
import { encoderArguments, qualityOf } from "./video-encoder.ts";
import { commonFilters } from "./video-filters.ts";

/** A rate that no input has is not made up from a broken one. */
const FALLBACK_FPS = 25;
const MOST_FPS = 60;

interface Pictures {
  readonly chains: readonly string[];
  /** What moves the joined pictures to where the encoder reads them. */
  readonly after: readonly string[];
  readonly size: Size;
  readonly fps: Rational;
  readonly codec: VideoCodec;
  readonly options: readonly string[];
  readonly ticks: number;
  readonly encoder: NonNullable<FfmpegStep["encoder"]>;
}

interface Sound {
  /** By input, then by track. */
  readonly chains: readonly (readonly string[])[];
  readonly tracks: number;
  readonly options: readonly string[];
  readonly promise: { readonly codec: string; readonly channels: number } | null;
}

/** One run that brings every input to the first one's size, and joins them. */
export function planNormalised(
  context: JoinContext & { readonly encoders: readonly EncoderCapability[] },
): PlanResult {
  const { inputs, output } = context;
  const sources = inputs.map(([, source]) => source);
  const pictures = picturesOf(sources, context);
  if (pictures !== null && "status" in pictures) return pictures;
  const sound = soundOf(sources, output.format);
  const lengths = sources.map((source) => lengthOf(source)?.seconds ?? null);
  const seconds = lengths.every((length) => length !== null)
    ? lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0)
    : null;
  const slack = sources.reduce((sum, source) => sum + (lengthOf(source)?.slackSeconds ?? 0), 0);
  const step: FfmpegStep = {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: inputs.map(([key, source]) => ({
      from: { source: key },
      options: keptGraph(source),
    })),
    filterComplex: graphOf(sources.length, pictures, sound),
    outputs: [
      {
        file: output.file,
        muxer: muxers[output.format],
        options: [
          ...(pictures?.options ?? []),
          ...sound.options,
          ...["-map_chapters", "-1"],
          ...containerOptions({ format: output.format, ticks: pictures?.ticks ?? null }),
        ],
      },
    ],
    expectedFrames:
      pictures === null || seconds === null
        ? null
        : Math.max(1, Math.round((seconds * pictures.fps.num) / pictures.fps.den)),
    expectedSeconds: seconds,
    encoder: pictures?.encoder ?? null,
  };
  const video =
    pictures === null ? null : { codec: pictures.codec, ...pictures.size, frames: null };
  return {
    status: "planned",
    action: "encode",
    steps: [step],
    outputs: [
      {
        ...output,
        video,
        audio: sound.promise,
        durationSeconds: seconds,
        durationToleranceSeconds: durationTolerance(seconds) + slack,
        ...referenceOf(step.inputs, pictures, sound),
      },
    ],
  };
}

/** Filters of input `at` end in `[v<at>]` and `[a<at>_<track>]`; the joined ones in `[v]` and `[a<track>]`. */
function graphOf(count: number, pictures: Pictures | null, sound: Sound): string {
  const tracks = Array.from({ length: sound.tracks }, (_, track) => track);
  const parts: string[] = [];
  const pads: string[] = [];
  for (let at = 0; at < count; at++) {
    if (pictures !== null) {
      parts.push(`${pictures.chains[at]}[v${at}]`);
      pads.push(`[v${at}]`);
    }
    for (const track of tracks) {
      parts.push(`${sound.chains[at]?.[track]}[a${at}_${track}]`);
      pads.push(`[a${at}_${track}]`);
    }
  }
  const joined = `concat=n=${count}:v=${pictures === null ? 0 : 1}:a=${sound.tracks}`;
  const sounds = tracks.map((track) => `[a${track}]`).join("");
  if (pictures === null) return [...parts, `${pads.join("")}${joined}${sounds}`].join(";");
  const after = ["null", ...pictures.after].join(",");
  return [...parts, `${pads.join("")}${joined}[j]${sounds}`, `[j]${after}[v]`].join(";");
}

/** The sound goes along unheard: where a part ends is where its longest stream does. */
function referenceOf(
  inputs: FfmpegStep["inputs"],
  pictures: Pictures | null,
  sound: Sound,
): { readonly reference?: Reference } {
  if (pictures === null) return {};
  const sinks = Array.from({ length: sound.tracks }, (_, track) => `[a${track}]anullsink`);
  const joined = graphOf(inputs.length, { ...pictures, after: [] }, sound);
  return {
    reference: {
      inputs,
      graph: [joined, ...sinks, "[v]null[reference]"].join(";"),
      bitDepth: 8,
      range: "tv",
      alignment: "start",
    },
  };
}

function picturesOf(
  sources: readonly SourceInfo[],
  { output, encoders }: JoinContext & { readonly encoders: readonly EncoderCapability[] },
): Pictures | Rejection | null {
  const videos = sources.flatMap(({ video }) => video ?? []);
  const [first] = videos;
  if (first === undefined) return null;
  const asked = framing(first, { box: {}, fit: "contain", enlarge: false, grid: 2 });
  if ("status" in asked) return asked;
  const { size } = asked;
  const codec = defaultCodec(output.format);
  const choice = pickEncoder(encoders, { codec, bitDepth: 8, size });
  if (choice.status === "rejected") return choice;
  const { capability } = choice;
  const fps = commonRate(sources);
  const chains: string[] = [];
  for (const [at, video] of videos.entries()) {
    const refusal = refuseHdr(video);
    if (refusal !== null) return refusal;
    const inner = within(displaySize(video), size);
    chains.push(`[${at}:${video.index}]${commonFilters(video, inner, { size, fps }).join(",")}`);
  }
  const encoder = encoderArguments(capability, {
    quality: qualityOf(codec, {}),
    preset: "medium",
    bitDepth: 8,
    gop: gopFrames(fps.num / fps.den),
    format: output.format,
  });
  return {
    chains,
    after: encoder.filters,
    size,
    fps,
    codec,
    options: ["-map", "[v]", "-fps_mode:v", "cfr", ...encoder.output, ...tagOptions(sdrTags)],
    ticks: ticksPerSecond(fps),
    encoder: { name: capability.encoder, device: capability.device },
  };
}

/** As large as fits, both sides even. */
function within(display: Size, size: Size): Framing {
  const factor = Math.min(size.width / display.width, size.height / display.height);
  const even = (value: number, most: number) =>
    Math.min(most, Math.max(2, Math.round((value * factor) / 2) * 2));
  const inner = {
    width: even(display.width, size.width),
    height: even(display.height, size.height),
  };
  return { scale: inner, crop: null, size: inner };
}

/** The inputs' own rate where it is one and even, else the fastest average. */
function commonRate(sources: readonly SourceInfo[]): Rational {
  const videos = sources.flatMap(({ video }) => video ?? []);
  const [first] = videos;
  const isOne = videos.every(
    (video) =>
      isConstantRate(video) &&
      first !== undefined &&
      video.frameRate.num * first.frameRate.den === first.frameRate.num * video.frameRate.den,
  );
  const rates = videos.map((video) => averageFps(video) ?? 0);
  const fastest = Math.max(...rates, 1);
  if (isOne && first !== undefined && fastest <= 240) return first.frameRate;
  return exactRate(Math.min(MOST_FPS, fastest <= 1 ? FALLBACK_FPS : fastest));
}

/** As many tracks as every input has, or one where their numbers differ; silence for inputs without. */
function soundOf(sources: readonly SourceInfo[], format: "mp4" | "mov" | "webm"): Sound {
  const counts = new Set(sources.map(({ audio }) => audio.length));
  const most = Math.max(...counts);
  const tracks = most === 0 ? 0 : counts.size === 1 ? most : 1;
  if (tracks === 0) {
    return { chains: sources.map(() => []), tracks, options: [], promise: null };
  }
  const encoding = defaultAudio(format);
  const heard = sources.flatMap(({ audio }) => audio.slice(0, tracks));
  const channels = heard.reduce<1 | 2 | 6>((widest, track) => {
    const own = outgoingChannels(track.channels, encoding);
    return own > widest ? own : widest;
  }, 1);
  const rates = new Set(heard.map((track) => sampleRate(track.sampleRate, encoding)));
  const rate = rates.size === 1 ? ([...rates][0] ?? 48_000) : 48_000;
  const layout = layouts[channels];
  const chains = sources.map((source, at) =>
    Array.from({ length: tracks }, (_, track) => {
      const own = source.audio[track];
      const seconds = lengthOf(source)?.seconds ?? 0.1;
      return own === undefined
        ? `anullsrc=r=${rate}:cl=${layout},atrim=duration=${secondsText(seconds)}`
        : `[${at}:${own.index}]aresample=${rate}:${gapless},aformat=sample_fmts=fltp:sample_rates=${rate}:channel_layouts=${layout}`;
    }),
  );
  const options = Array.from({ length: tracks }, (_, track) => [
    ...["-map", `[a${track}]`, `-c:a:${track}`, audioEncoders[encoding]],
    ...[`-b:a:${track}`, `${kbpsByChannels[encoding][channels]}k`],
    ...(encoding === "opus" && channels > 2 ? [`-mapping_family:a:${track}`, "1"] : []),
    ...languageOption(sources[0]?.audio[track]?.language ?? null, `a:${track}`, format),
  ]).flat();
  return { chains, tracks, options, promise: { codec: encoding, channels } };
}
