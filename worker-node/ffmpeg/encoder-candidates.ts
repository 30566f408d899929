/** Which encoders are worth trying on which device, and with which options. Pure. */
import type { VideoCodec } from "../../protocol/media.ts";

/** The devices that were found; each is an index or a path. */
export interface Devices {
  readonly cuda: readonly string[];
  /** Render nodes, `/dev/dri/renderD128`. */
  readonly render: readonly string[];
  readonly videotoolbox: boolean;
}

export interface EncoderCandidate {
  readonly encoder: string;
  readonly codec: VideoCodec;
  /** As capabilities name it: `cpu`, `cuda:0`, `vaapi:/dev/dri/renderD128`. */
  readonly device: string;
  readonly bitDepths: readonly (8 | 10)[];
  /** Like those of production, where they decide whether the encoder can be opened. */
  readonly options: readonly string[];
  /** Whether the driver limits how many may run at once. */
  readonly countsSessions: boolean;
}

type Family = Omit<EncoderCandidate, "device">;

const both = [8, 10] as const;

/** Quick presets: the proof is that it works at all. */
const software: readonly Family[] = [
  family("libx264", "h264", both, ["-preset", "ultrafast"]),
  family("libx265", "hevc", both, ["-preset", "ultrafast", "-x265-params", "log-level=none"]),
  family("libsvtav1", "av1", both, ["-preset", "12"]),
  family("libvpx-vp9", "vp9", both, ["-deadline", "realtime", "-cpu-used", "8"]),
];

/** NVENC's options are those of production, without the look-ahead that 16 frames would not fill. */
const nvencOptions = [
  ...["-preset", "p4", "-rc", "vbr", "-cq", "23", "-b:v", "0"],
  ...["-spatial-aq", "1", "-no-scenecut", "1", "-forced-idr", "1", "-strict_gop", "1"],
];

const nvenc: readonly Family[] = [
  { ...family("h264_nvenc", "h264", [8], nvencOptions), countsSessions: true },
  { ...family("hevc_nvenc", "hevc", both, nvencOptions), countsSessions: true },
  { ...family("av1_nvenc", "av1", both, nvencOptions), countsSessions: true },
];
const vaapi: readonly Family[] = [
  family("h264_vaapi", "h264", [8], ["-qp", "23"]),
  family("hevc_vaapi", "hevc", both, ["-qp", "23"]),
  family("vp9_vaapi", "vp9", [8], ["-global_quality", "60"]),
  family("av1_vaapi", "av1", both, ["-global_quality", "60"]),
];
const qsv: readonly Family[] = [
  family("h264_qsv", "h264", [8], ["-global_quality", "23"]),
  family("hevc_qsv", "hevc", both, ["-global_quality", "23"]),
  family("vp9_qsv", "vp9", [8], ["-global_quality", "60"]),
  family("av1_qsv", "av1", both, ["-global_quality", "23"]),
];
const videotoolbox: readonly Family[] = [
  family("h264_videotoolbox", "h264", [8], ["-b:v", "1M"]),
  family("hevc_videotoolbox", "hevc", both, ["-b:v", "1M"]),
];

function family(
  encoder: string,
  codec: VideoCodec,
  bitDepths: readonly (8 | 10)[],
  options: readonly string[],
): Family {
  return { encoder, codec, bitDepths, options, countsSessions: false };
}

/** What is listed and has a device to run on, the fastest families first. */
export function candidatesOf(
  listed: ReadonlySet<string>,
  { cuda, render, videotoolbox: hasVideotoolbox }: Devices,
): EncoderCandidate[] {
  const on = (families: readonly Family[], devices: readonly string[]) =>
    devices.flatMap((device) =>
      families
        .filter(({ encoder }) => listed.has(encoder))
        .map((candidate) => ({ ...candidate, device })),
    );
  return [
    ...on(
      nvenc,
      cuda.map((index) => `cuda:${index}`),
    ),
    ...on(videotoolbox, hasVideotoolbox ? ["videotoolbox"] : []),
    ...on(
      qsv,
      render.map((path) => `qsv:${path}`),
    ),
    ...on(
      vaapi,
      render.map((path) => `vaapi:${path}`),
    ),
    ...on(software, ["cpu"]),
  ];
}

/** Names of the video encoders in the text of `ffmpeg -encoders`. */
export function parseEncoders(text: string): Set<string> {
  const names = new Set<string>();
  for (const line of text.split("\n")) {
    // ` V....D libx264              libx264 H.264 ...`; the legend above has `=` in place of a name.
    const match = /^ V[.A-Z]{5} ([a-z0-9_-]+) /.exec(line);
    if (match?.[1]) names.add(match[1]);
  }
  return names;
}
