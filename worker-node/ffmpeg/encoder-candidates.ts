/** Which encoders are worth trying on which device. Pure. */
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
  /** Those worth trying. */
  readonly bitDepths: readonly (8 | 10)[];
}

type Family = Omit<EncoderCandidate, "device">;

const both = [8, 10] as const;

const software: readonly Family[] = [
  // Its profile, high, has 8 bits.
  family("libx264", "h264", [8]),
  family("libx265", "hevc", both),
  family("libsvtav1", "av1", both),
  family("libvpx-vp9", "vp9", both),
];
/** No card encodes H.264 of 10 bits in a profile that players read. */
const nvenc: readonly Family[] = [
  family("h264_nvenc", "h264", [8]),
  family("hevc_nvenc", "hevc", both),
  family("av1_nvenc", "av1", both),
];
const vaapi: readonly Family[] = [
  family("h264_vaapi", "h264", [8]),
  family("hevc_vaapi", "hevc", both),
  family("vp9_vaapi", "vp9", [8]),
  family("av1_vaapi", "av1", both),
];
const qsv: readonly Family[] = [
  family("h264_qsv", "h264", [8]),
  family("hevc_qsv", "hevc", both),
  family("vp9_qsv", "vp9", [8]),
  family("av1_qsv", "av1", both),
];
const videotoolbox: readonly Family[] = [
  family("h264_videotoolbox", "h264", [8]),
  family("hevc_videotoolbox", "hevc", both),
];

function family(encoder: string, codec: VideoCodec, bitDepths: readonly (8 | 10)[]): Family {
  return { encoder, codec, bitDepths };
}

/** `cuda`, `vaapi`, ... of a device's name. */
export function kindOf(device: string): string {
  return device.split(":", 1)[0] ?? "";
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
