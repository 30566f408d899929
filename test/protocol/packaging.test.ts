/** Ladders, cutting and rates, without ffmpeg: what must hold of any source. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EncoderCapability } from "../../protocol/media.ts";
import { dashManifest } from "../../protocol/packaging/dash.ts";
import { keyPicturePlaylist, masterPlaylist, mediaPlaylist } from "../../protocol/packaging/hls.ts";
import type { Presentation } from "../../protocol/packaging/presentation.ts";
import { peakRate, renditionOf, targetDuration } from "../../protocol/packaging/segments.ts";
import { type Fragment, readFragment, type TrackHead } from "../../protocol/packaging/track.ts";
import { displaySize } from "../../protocol/recipes/parts/geometry.ts";
import { ladderOf, peakKbps } from "../../protocol/recipes/parts/ladder.ts";
import { plan, planned, ready, video, withVideo } from "./recipes/sources.ts";

const head: TrackHead = {
  kind: "video",
  codec: "avc1.64001f",
  timescale: 1000,
  mediaStart: 80,
  width: 640,
  height: 360,
  videoRange: "SDR",
  channels: 0,
  sampleRate: 0,
  defaults: { duration: 40, size: 0, flags: 0 },
};

/** Fragments of these lengths (ms) and sizes, one after the other behind a head of 100 bytes. */
function fragments(...given: readonly (readonly [ms: number, bytes: number])[]): Fragment[] {
  let offset = 100;
  let decodeTime = 0;
  return given.map(([duration, size]) => {
    const fragment: Fragment = {
      offset,
      size,
      decodeTime,
      compositionOffset: 80,
      duration,
      samples: duration / 40,
      isSync: true,
      firstSampleEnd: offset + 50,
    };
    offset += size;
    decodeTime += duration;
    return fragment;
  });
}

describe("the ladder", () => {
  test.each([
    [1920, 1080, undefined, ["1920x1080", "1280x720", "854x480", "640x360", "426x240"]],
    [1280, 720, undefined, ["1280x720", "854x480", "640x360", "426x240"]],
    [1920, 1080, 720, ["1280x720", "854x480", "640x360", "426x240"]],
    [800, 600, undefined, ["800x600", "640x480", "480x360", "320x240"]],
    [1080, 1920, undefined, ["1080x1920", "720x1280", "480x854", "360x640", "240x426"]],
    [160, 90, undefined, ["160x90"]],
    [3, 3, undefined, ["2x2"]],
  ])("of %i x %i, at most %s high, is %j", (width, height, maxHeight, sizes) => {
    const rungs = ladderOf({ ...video, width, height }, maxHeight);
    if ("status" in rungs) throw new Error(rungs.detail);
    const found = rungs.map(({ framing: { size } }) => `${size.width}x${size.height}`);
    expect(found).toEqual(sizes);
  });

  test("never grows, falls strictly, is even, and holds to its height, whatever the source", () => {
    const side = fc.integer({ min: 1, max: 8192 });
    fc.assert(
      fc.property(
        side,
        side,
        fc.option(fc.integer({ min: 16, max: 8192 })),
        (width, height, max) => {
          const source = { ...video, width, height };
          const rungs = ladderOf(source, max ?? undefined);
          if ("status" in rungs) return;
          const shown = displaySize(source);
          const sizes = rungs.map(({ framing }) => framing.size);
          for (const size of sizes) {
            expect([size.width % 2, size.height % 2]).toEqual([0, 0]);
            expect(size.width).toBeLessThanOrEqual(Math.max(2, shown.width));
            expect(size.height).toBeLessThanOrEqual(
              Math.max(2, Math.min(shown.height, max ?? 8192)),
            );
          }
          const names = rungs.map(({ short }) => short);
          expect([...new Set(names)].sort((a, b) => b - a)).toEqual(names);
        },
      ),
    );
  });

  test("gives a smaller rung a smaller peak", () => {
    const rungs = ladderOf({ ...video, width: 3840, height: 2160 }, undefined);
    if ("status" in rungs) throw new Error(rungs.detail);
    const peaks = rungs.map((rung) => peakKbps(rung, "h264", 25));
    expect(peaks).toEqual([...peaks].sort((a, b) => b - a));
  });
});

describe("the plan of a ladder", () => {
  test("decodes once, whatever the number of rungs and codecs", () => {
    const { steps } = planned(ready, { name: "hls", codecs: ["h264", "hevc"] });
    const runs = steps.filter((step) => step.kind === "ffmpeg");
    expect(runs).toHaveLength(1);
    expect(runs[0]?.inputs).toHaveLength(1);
    expect(runs[0]?.filterComplex).toMatch(/^\[0:0\].*split=8/);
  });

  test("deinterlaces once, before the pictures are split", () => {
    const { steps } = planned(withVideo({ interlaced: true }), { name: "hls" });
    const [run] = steps.filter((step) => step.kind === "ffmpeg");
    expect(run?.filterComplex).toMatch(/^\[0:0\]scale=w=1280:h=720,bwdif[^;]*split=4/);
    expect(run?.filterComplex?.match(/bwdif/g)).toHaveLength(1);
  });

  test("leaves a device alone that has too few sessions for all rungs at once", () => {
    const encoders = (maxSessions: number): EncoderCapability[] => [
      { encoder: "h264_nvenc", codec: "h264", device: "cuda:0", bitDepths: [8], maxSessions },
      { encoder: "libx264", codec: "h264", device: "cpu", bitDepths: [8], maxSessions: null },
    ];
    const encoderOf = (sessions: number) => {
      const found = planned(ready, { name: "hls" }, "hls", encoders(sessions));
      return found.steps.find((step) => step.kind === "ffmpeg")?.encoder?.name;
    };
    expect(encoderOf(4)).toBe("h264_nvenc");
    expect(encoderOf(3)).toBe("libx264");
  });

  test("refuses more files than can be told of, and a language that is not there", () => {
    const long = { ...ready, durationSeconds: 7200, mp4: null };
    const recipe = { name: "hls", layout: "segments", segmentSeconds: 2 };
    expect(plan(long, recipe)).toMatchObject({
      status: "rejected",
      detail: expect.stringContaining("at most 900 are made"),
    });
    expect(plan(ready, { name: "hls", audioLanguages: ["fra"] })).toMatchObject({
      status: "rejected",
      detail: "audioLanguages: the source has sound in eng alone.",
    });
  });
});

describe("segments", () => {
  test("begin at the first key frame at or after each multiple of their length", () => {
    const rendition = renditionOf(
      head,
      100,
      fragments([2000, 10], [2000, 20], [2000, 30], [2000, 40], [2000, 50]),
      6,
    );
    expect(rendition.segments).toEqual([
      { offset: 100, size: 60, start: 0, duration: 6000 },
      { offset: 160, size: 90, start: 6000, duration: 4000 },
    ]);
  });

  test("cover the file and its time without a gap, whatever the fragments", () => {
    const given = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 60, max: 999 })),
      {
        minLength: 1,
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(given, fc.integer({ min: 1, max: 12 }), (list, seconds) => {
        const { segments } = renditionOf(head, 100, fragments(...list), seconds);
        let [at, time] = [100, 0];
        for (const segment of segments) {
          expect([segment.offset, segment.start]).toEqual([at, time]);
          at += segment.size;
          time += segment.duration;
        }
        const sum = (index: 0 | 1) => list.reduce((total, one) => total + one[index], 0);
        expect([at - 100, time]).toEqual([sum(1), sum(0)]);
      }),
    );
  });

  test("of fragments that overlap are refused", () => {
    const [one, two] = fragments([2000, 10], [2000, 10]);
    if (one === undefined || two === undefined) throw new Error("no fragments");
    expect(() => renditionOf(head, 100, [one, { ...two, decodeTime: 0 }], 6)).toThrow(RangeError);
  });

  test("a short last one is no peak, a heavy one in the middle is", () => {
    const short = renditionOf(head, 100, fragments([6000, 6000], [1000, 5000]), 6);
    expect(peakRate(short, 6)).toBe(Math.ceil((11_000 * 8) / 7));
    const heavy = renditionOf(head, 100, fragments([6000, 6000], [6000, 60_000], [6000, 6000]), 6);
    expect(peakRate(heavy, 6)).toBe(80_000);
  });
});

describe("what is written", () => {
  const rendition = renditionOf(head, 100, fragments([6000, 6000], [4000, 5000]), 6);
  const presentation: Presentation = {
    layout: "single_file",
    video: [{ name: "v", rendition }],
    audio: [],
    subtitles: [{ name: "s", language: "eng", label: 'a "quoted"\nname' }],
    duration: 10,
    target: targetDuration([rendition]),
  };
  const [part] = presentation.video;
  if (part === undefined) throw new Error("no part");

  test("a playlist of ranges", () => {
    expect(mediaPlaylist(presentation, part).split("\n").slice(1)).toEqual([
      "#EXT-X-VERSION:7",
      "#EXT-X-TARGETDURATION:6",
      "#EXT-X-MEDIA-SEQUENCE:0",
      "#EXT-X-PLAYLIST-TYPE:VOD",
      "#EXT-X-INDEPENDENT-SEGMENTS",
      '#EXT-X-MAP:URI="v.mp4",BYTERANGE="100@0"',
      "#EXTINF:6.000000,",
      "#EXT-X-BYTERANGE:6000@100",
      "v.mp4",
      "#EXTINF:4.000000,",
      "#EXT-X-BYTERANGE:5000@6100",
      "v.mp4",
      "#EXT-X-ENDLIST",
      "",
    ]);
  });

  test("key pictures from a fragment's head to the picture's end, inside of their own files", () => {
    expect(keyPicturePlaylist(presentation, part)).toContain("#EXT-X-BYTERANGE:50@6100\nv.mp4");
    const cut = keyPicturePlaylist({ ...presentation, layout: "segments" }, part);
    expect(cut).toContain("#EXT-X-BYTERANGE:50@0\nv-00002.m4s");
  });

  test("no name breaks out of its quotes", () => {
    expect(masterPlaylist(presentation)).toContain('NAME="a  quoted  name"');
  });

  test("a manifest whose timeline and ranges are those of the playlist", () => {
    const manifest = dashManifest(presentation);
    expect(manifest).toContain('<S t="0" d="6000"/>\n<S t="6000" d="4000"/>');
    expect(manifest).toContain('<SegmentURL media="v.mp4" mediaRange="6100-11099"/>');
  });
});

describe("reading a fragment", () => {
  test("of nothing, or of noise, is a refusal and never a wrong answer or a hang", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          readFragment(bytes, { offset: 0, size: bytes.length }, head);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
