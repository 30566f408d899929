/** Filters that make a picture of several frames make the whole's in every part, with real ffmpeg. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFullRun } from "../../faults/support/counts.ts";
import { frameSums, openParts, type Parts } from "./support.ts";

let parts: Parts;
beforeAll(async () => {
  parts = await openParts();
});
afterAll(() => parts.close());

const pictures = (rate: string, seconds: number) => [
  ...["-f", "lavfi", "-i", `testsrc2=s=160x96:r=${rate}:d=${seconds}`],
];
const h264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];
const openGop = "open-gop=1:bframes=3:b-pyramid=normal:keyint=48:min-keyint=24";
/** Two fields of different times in every frame. */
const fields = ["-vf", "interlace", "-flags", "+ildct+ilme"];

/** By name: how the source is made, and what is asked for. The first two are the short form. */
const cases: Readonly<Record<string, readonly [() => string, Readonly<Record<string, number>>]>> = {
  "interlaced H.264 in open groups of pictures": [
    () =>
      parts.make(
        "fields.mp4",
        ...[...pictures("50", 31), ...fields, ...h264, "-x264-params", `tff=1:${openGop}`],
      ),
    {},
  ],
  "29.97 behind an edit list, at 24": [
    () => {
      const base = parts.make(
        "base.mp4",
        ...[...pictures("30000/1001", 33), ...h264, "-x264-params", openGop],
      );
      return parts.make("edited.mp4", "-ss", "0.5", "-i", base, "-c", "copy");
    },
    { fps: 24 },
  ],
  "uneven frames with a hold, at 25": [
    () =>
      parts.make(
        "uneven.mp4",
        ...pictures("25", 36),
        ...["-vf", "select='gt(mod(n,11),4)*not(between(n,300,400))'", "-fps_mode", "vfr"],
        ...["-enc_time_base", "1:90000", ...h264, "-video_track_timescale", "90000"],
      ),
    { fps: 25 },
  ],
  "23.976 in Matroska, late by 1.4 s, at 59.94": [
    () =>
      parts.make(
        "late.mkv",
        ...[...pictures("24000/1001", 32), ...h264, "-g", "72", "-output_ts_offset", "1.4"],
      ),
    { fps: 59.94 },
  ],
  "pictures that begin after the sound, at 12.5": [
    () =>
      parts.make(
        "waiting.mkv",
        ...["-itsoffset", "0.7", ...pictures("30", 32), "-f", "lavfi", "-i", "sine=d=33"],
        ...[...h264, "-g", "60", "-c:a", "aac"],
      ),
    { fps: 12.5 },
  ],
  "DV in AVI, which does not say that it has fields": [
    () =>
      parts.make(
        "tape.avi",
        ...["-f", "lavfi", "-i", "testsrc2=s=720x576:r=50:d=31", "-vf", "interlace"],
        ...["-flags", "+ildct+ilme", "-c:v", "dvvideo", "-pix_fmt", "yuv420p"],
      ),
    { width: 180 },
  ],
  "interlaced MPEG-2 in Matroska, at 50": [
    () =>
      parts.make(
        "fields.mkv",
        ...[...pictures("60000/1001", 31), ...fields, "-c:v", "mpeg2video", "-q:v", "4"],
        ...["-top", "1", "-bf", "2", "-g", "15"],
      ),
    { fps: 50 },
  ],
};

describe("every picture is the whole's, in order and at its time", () => {
  test.each(Object.keys(cases).slice(0, isFullRun ? undefined : 2))(
    "of %s",
    async (name) => {
      const [make, asked] = cases[name] ?? [() => "", {}];
      const source = make();
      const recipe = { name: "transcode", crf: 0, preset: "ultrafast", ...asked };
      // Frames around a chunk would hide a first or last picture that knows only one side.
      const overlap = !name.includes("interlaced");
      const made = await parts.inParts(source, recipe, { overlap });
      expect(made.chunks.chunks.length).toBeGreaterThan(2);
      expect(made.source.video?.interlaced).toBe(name.includes("interlaced"));
      const whole = await parts.whole(source, recipe);
      const [expected, found] = [whole, made.file].map((file) => frameSums(parts.tools, file));
      // ffmpeg does not know how long the last of uneven frames stays, and leaves it out of the whole.
      const more = made.chunks.grid.source !== undefined && name.includes("uneven") ? 1 : 0;
      expect(found).toHaveLength((expected?.length ?? 0) + more);
      expect(found?.slice(0, expected?.length)).toEqual(expected);
    },
    240_000,
  );

  test.skipIf(!isFullRun)(
    "in every rendition of a ladder of interlaced video, under aligned key frames",
    async () => {
      const source = cases["interlaced MPEG-2 in Matroska, at 50"]?.[0]() ?? "";
      const made = await parts.inParts(source, { name: "hls", preset: "ultrafast" });
      const frames = frameSums(parts.tools, source).length;
      for (const files of made.files.values()) {
        expect(files.reduce((sum, { index }) => sum + index.samples, 0)).toBe(frames);
      }
      expect(made.files.size).toBe(made.plan.division?.renditions.length);
    },
    240_000,
  );
});
