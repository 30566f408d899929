/** The parts of ffprobe's JSON that are read, and small readers of its ways of writing numbers. Pure. */
import { z } from "zod";
import type { Rational } from "../../protocol/media.ts";

const text = z.string().max(1000);
const count = z.number().int().nonnegative();

const streamSchema = z.object({
  index: count,
  codec_type: text.optional(),
  codec_name: text.optional(),
  profile: z.union([text, z.number()]).optional(),
  level: z.number().int().optional(),
  pix_fmt: text.optional(),
  bits_per_raw_sample: text.optional(),
  width: count.optional(),
  height: count.optional(),
  sample_aspect_ratio: text.optional(),
  r_frame_rate: text.optional(),
  avg_frame_rate: text.optional(),
  nb_frames: text.optional(),
  field_order: text.optional(),
  color_primaries: text.optional(),
  color_transfer: text.optional(),
  color_space: text.optional(),
  color_range: text.optional(),
  time_base: text.optional(),
  start_time: text.optional(),
  duration: text.optional(),
  bit_rate: text.optional(),
  channels: count.optional(),
  sample_rate: text.optional(),
  extradata_hash: text.optional(),
  disposition: z
    .object({ attached_pic: z.number().optional(), default: z.number().optional() })
    .optional(),
  tags: z.record(z.string(), z.string()).optional(),
  side_data_list: z
    .array(z.object({ rotation: z.number().optional(), displaymatrix: text.optional() }))
    .optional(),
});
export type ProbedStream = z.infer<typeof streamSchema>;

const probeSchema = z.object({
  streams: z.array(streamSchema).default([]),
  /** Only how many there are is of interest. */
  chapters: z.array(z.unknown()).optional(),
  format: z.object({
    format_name: text,
    start_time: text.optional(),
    duration: text.optional(),
    bit_rate: text.optional(),
  }),
});
export type ProbedFile = z.infer<typeof probeSchema>;

/** `-show_entries` for what the schema reads: nothing else is printed, so that hostile tags stay out. */
export const PROBE_ENTRIES = [
  `stream=${Object.keys(streamSchema.shape)
    .filter((name) => !["disposition", "tags", "side_data_list"].includes(name))
    .join(",")}`,
  "stream_disposition=attached_pic,default",
  "stream_tags=language,rotate,DURATION",
  "stream_side_data=rotation,displaymatrix",
  "chapter=id",
  "format=format_name,start_time,duration,bit_rate",
].join(":");

/** Parses what ffprobe printed; null when it is not what ffprobe prints of a file that it could open. */
export function parseProbe(stdout: string): ProbedFile | null {
  let json: unknown;
  try {
    json = JSON.parse(stdout);
  } catch {
    return null;
  }
  const parsed = probeSchema.safeParse(json);
  return parsed.success ? parsed.data : null;
}

/** A number in a string; null for `N/A` and its like. */
export function numberOf(value: string | undefined): number | null {
  if (value === undefined || value.trim() === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** `30000/1001` or `4:3`; null unless both are positive. */
export function rationalOf(value: string | undefined): Rational | null {
  const match = /^(\d+)[/:](\d+)$/.exec(value ?? "");
  const num = Number(match?.[1]);
  const den = Number(match?.[2]);
  return num > 0 && den > 0 ? { num, den } : null;
}

/** Matroska's `DURATION` tag, `00:01:19.500000000`, in seconds. */
export function clockSeconds(value: string | undefined): number | null {
  const match = /^(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(value ?? "");
  if (!match) return null;
  return Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
}

/** Bits per second as kilobits, to one decimal; null where unknown or nothing. */
export function kbps(value: string | undefined): number | null {
  const bits = numberOf(value);
  return bits === null || bits <= 0 ? null : Math.round(bits / 100) / 10;
}
