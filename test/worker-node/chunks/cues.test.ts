/** Text subtitles of a file that is made in parts are those of the whole, with real ffmpeg. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OutputFormat } from "../../../protocol/media.ts";
import { isFullRun } from "../../faults/support/counts.ts";
import { openParts, type Parts } from "./support.ts";

let parts: Parts;
beforeAll(async () => {
  parts = await openParts();
});
afterAll(() => parts.close());

const lossless = { name: "transcode", crf: 0, preset: "ultrafast" } as const;

/** In tracks of two languages: one that begins late and outlasts the pictures, one with cues that overlap. */
function makeSource(name: string, ...tail: string[]): string {
  const srt = (file: string, cues: readonly (readonly [string, string, string])[]) => {
    const path = join(parts.dir, file);
    const blocks = cues.map(([from, to, text], at) => `${at + 1}\n${from} --> ${to}\n${text}\n`);
    writeFileSync(path, blocks.join("\n"));
    return path;
  };
  const late = srt("late.srt", [
    ["00:00:03,500", "00:00:05,000", "Später"],
    ["00:00:15,990", "00:00:16,020", "<i>an einer Naht</i>"],
    ["00:00:31,000", "00:00:32,600", "und zuletzt"],
  ]);
  const crowded = srt("crowded.srt", [
    ["00:00:00,000", "00:00:04,000", "at once"],
    ["00:00:02,000", "00:00:09,000", "and over it"],
    ["00:00:20,125", "00:00:20,500", "two\nlines"],
  ]);
  return parts.make(
    name,
    ...["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=32"],
    ...["-f", "lavfi", "-i", "sine=d=32", "-i", late, "-i", crowded],
    ...["-map", "0", "-map", "1", "-map", "2", "-map", "3", "-c:v", "libx264"],
    ...["-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-g", "50"],
    ...["-metadata:s:s:0", "language=ger", "-metadata:s:s:1", "language=eng"],
    ...["-disposition:s:1", "default", ...tail],
  );
}

/** Of every track: what is said of it, and each cue with its times and text. */
function cuesOf(file: string) {
  const { ffprobe, ffmpeg } = parts.tools;
  const probe = (...args: string[]) =>
    execFileSync(ffprobe, ["-v", "error", ...args, "-of", "json", file]).toString();
  const { streams } = JSON.parse(
    probe("-show_entries", "stream=index,codec_type,codec_name,disposition:stream_tags=language"),
  ) as { streams: { codec_type: string }[] };
  const shown = JSON.parse(
    probe("-select_streams", "s", "-show_entries", "packet=stream_index,pts_time,duration_time"),
  ) as { packets: { stream_index: number }[] };
  const tracks = streams.filter(({ codec_type }) => codec_type === "subtitle");
  const texts = tracks.map((_, at) =>
    execFileSync(ffmpeg, ["-v", "error", "-i", file, "-map", `0:s:${at}`, "-f", "srt", "-"]),
  );
  // Of one time, either track may come first.
  const packets = [...shown.packets].sort((a, b) => a.stream_index - b.stream_index);
  return { streams, packets, texts: texts.map(String) };
}

const formats: readonly (readonly [OutputFormat, string, readonly string[]])[] = [
  ["mp4", "cues.mkv", ["-c:s", "srt"]],
  ["mov", "late.mkv", ["-c:s", "srt", "-output_ts_offset", "1.4"]],
];

describe("cues of a file made in parts", () => {
  test.each(formats.slice(0, isFullRun ? undefined : 1))(
    "are the whole's in %s of %s: tracks, languages, times and texts",
    async (format, name, tail) => {
      const source = makeSource(name, ...tail);
      const made = await parts.inParts(source, lossless, { format });
      const [whole, found] = [await parts.whole(source, lossless, format), made.file].map(cuesOf);
      expect(found?.texts).toHaveLength(2);
      expect(found?.texts.join()).toMatch(/Naht[\s\S]*zuletzt[\s\S]*at once[\s\S]*lines/);
      expect(found).toEqual(whole);
    },
    240_000,
  );

  test.skipIf(!isFullRun)(
    "are there without sound, too",
    async () => {
      const source = parts.make(
        "mute.mkv",
        "-i",
        makeSource("heard.mkv"),
        "-map",
        "0:v",
        "-map",
        "0:s",
        "-c",
        "copy",
      );
      const made = await parts.inParts(source, lossless);
      expect(cuesOf(made.file)).toEqual(cuesOf(await parts.whole(source, lossless)));
    },
    240_000,
  );
});
