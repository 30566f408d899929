/** Playlists over what was accepted so far: what they list, in which order, and when they say that they end. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  needOfPlaylist,
  renderPlaylist,
  renditionsOf,
} from "../../../edge/media/growing-playlists.ts";
import { assemblePresentation, type IndexedFile } from "../../../protocol/chunks/assemble.ts";
import type { HeadFacts, PlanFacts, PresentationPlan } from "../../../protocol/chunks/contract.ts";
import { indexOf, planOf } from "../../support/plans.ts";

const COUNT = 4;
const presentation: PresentationPlan = {
  segmentSeconds: 4,
  targetSeconds: 5,
  durationSeconds: 26,
  master: "film.m3u8",
  manifest: "film.mpd",
  video: [
    { name: "v720", peakRate: 900_000 },
    { name: "v360", peakRate: null },
  ],
  audio: [{ name: "a-eng", language: "eng", label: "English" }],
  subtitles: [{ name: "s-deu", language: "deu", label: "Deutsch" }],
};
const { chunks: _, ...plain } = planOf([100, 200, 200, 150]);
const facts: PlanFacts = { ...plain, renditions: ["v720", "v360"], audio: true, presentation };

/** The first chunk is one segment of 4 s, the others are two of 4 s, in ticks of 1/25 s; chunk 3 ends short. */
const lengths = [[100], [100, 100], [100, 100], [100, 50]];

function chunk(at: number, rendition: string): IndexedFile {
  const before = lengths.slice(0, at).flat();
  return {
    kind: "chunk",
    chunk: at,
    filename: `${rendition}.c${at}.mp4`,
    index: {
      ...indexOf(),
      rendition,
      headSize: 800,
      start: before.reduce((sum, ticks) => sum + ticks, 0),
      segments: (lengths[at] ?? []).map((ticks) => [10_000, ticks]),
      keyPictures: (lengths[at] ?? []).map((ticks, segment) => [
        800 + 10_000 * segment,
        3_000,
        ticks,
      ]),
    },
  };
}

const soundHead: HeadFacts = {
  ...indexOf().head,
  ...{ kind: "audio", codec: "mp4a.40.2", timescale: 25, width: 0, height: 0, channels: 2 },
};
const sound: IndexedFile = {
  kind: "audio",
  chunk: null,
  filename: "a-eng.mp4",
  index: {
    ...{ ...indexOf(), track: "audio", rendition: "a-eng", head: soundHead, headSize: 600 },
    segments: [
      [500, 100],
      [500, 100],
    ],
  },
};
const prelude: IndexedFile = {
  ...sound,
  kind: "chunk",
  chunk: 0,
  filename: "a-eng.first.mp4",
  index: { ...sound.index, segments: [[400, 100]] } as IndexedFile["index"],
};
const cues: IndexedFile = {
  kind: "audio",
  chunk: null,
  filename: "s-deu.vtt",
  index: { track: "text", rendition: "s-deu" },
};
const ladder = ["v720", "v360"];
const every: readonly IndexedFile[] = [
  ...lengths.flatMap((_lengths, at) => ladder.map((name) => chunk(at, name))),
  sound,
  cues,
];
const firstOnes = every.filter(({ chunk: at }) => at === null || at === 0);

/** As it is served: only the renditions that it says it needs are read, of the first chunk where that is enough. */
function playlist(
  name: string,
  accepted: readonly IndexedFile[],
  state: "growing" | "ended" = "growing",
): string | null {
  const need = needOfPlaylist(facts, name);
  if (need === null) throw new Error(`there is no playlist ${name}`);
  const wanted = renditionsOf(need);
  const read = accepted.filter(
    ({ chunk: at, index }) =>
      wanted.includes(index.rendition) && (!need.isFirstOnly || at === null || at === 0),
  );
  return renderPlaylist({ facts, count: COUNT }, need, read, state);
}

const linesOf = (text: string | null) => (text ?? "").split("\n").filter((line) => line !== "");
/** The files of segments, once for each segment. */
const filesOf = (text: string | null) => linesOf(text).filter((line) => !line.startsWith("#"));
const numbersOf = (text: string | null) => [
  ...new Set(filesOf(text).map((file) => Number(/\.c(\d+)\./.exec(file)?.[1]))),
];
const shuffledSome = fc.shuffledSubarray([...every]);
const growing = ["v720.m3u8", "v360.m3u8", "v720-iframes.m3u8"] as const;

describe("a playlist of pictures", () => {
  test.each(growing)(
    "%s lists accepted files alone, from the first chunk to the first that is missing",
    (name) => {
      const rendition = name.slice(0, 4);
      fc.assert(
        fc.property(shuffledSome, (accepted) => {
          const there = (at: number) =>
            accepted.some(
              ({ chunk: number, index }) => number === at && index.rendition === rendition,
            );
          const hole = lengths.findIndex((_lengths, at) => !there(at));
          const prefix = [...lengths.keys()].slice(0, hole < 0 ? COUNT : hole);
          const text = playlist(name, accepted);
          expect(text === null).toBe(prefix.length === 0);
          expect(numbersOf(text)).toEqual(prefix);
          const names = accepted.map(({ filename }) => filename);
          expect(filesOf(text).every((file) => names.includes(file))).toBe(true);
        }),
      );
    },
  );

  test("lists each segment once, as the range of its file, in the order of time", () => {
    expect(linesOf(playlist("v360.m3u8", [chunk(1, "v360"), chunk(0, "v360")]))).toEqual([
      "#EXTM3U",
      "#EXT-X-VERSION:7",
      "#EXT-X-TARGETDURATION:5",
      "#EXT-X-MEDIA-SEQUENCE:0",
      "#EXT-X-PLAYLIST-TYPE:EVENT",
      "#EXT-X-INDEPENDENT-SEGMENTS",
      '#EXT-X-MAP:URI="v360.c0.mp4",BYTERANGE="800@0"',
      ...["#EXTINF:4.000000,", "#EXT-X-BYTERANGE:10000@800", "v360.c0.mp4"],
      ...["#EXTINF:4.000000,", "#EXT-X-BYTERANGE:10000@800", "v360.c1.mp4"],
      ...["#EXTINF:4.000000,", "#EXT-X-BYTERANGE:10000@10800", "v360.c1.mp4"],
    ]);
  });

  test.each(growing)("%s grows at its end alone, under one target duration", (name) => {
    fc.assert(
      fc.property(shuffledSome, fc.nat(every.length), (accepted, some) => {
        const earlier = playlist(name, accepted.slice(0, some));
        const later = playlist(name, accepted);
        if (earlier === null) return;
        expect(later).toContain("#EXT-X-TARGETDURATION:5\n");
        expect(later?.startsWith(earlier)).toBe(true);
      }),
    );
  });

  test.each(growing)(
    "%s is open while it grows, and closed where it is once the job has ended",
    (name) => {
      fc.assert(
        fc.property(shuffledSome, (accepted) => {
          const there = [...new Set([...accepted, ...firstOnes])];
          const open = playlist(name, there);
          expect(open).toContain("#EXT-X-PLAYLIST-TYPE:EVENT\n");
          expect(open).not.toContain("#EXT-X-ENDLIST");
          const closed = playlist(name, there, "ended");
          expect(closed).toBe(`${open}#EXT-X-ENDLIST\n`);
        }),
      );
    },
  );

  test("does not show chunks that do not follow each other, or are of another configuration", () => {
    const first = chunk(0, "v720");
    const late = chunk(1, "v720");
    if (late.index.track !== "video") throw new Error("no pictures");
    const moved = { ...late, index: { ...late.index, start: late.index.start + 1 } };
    const other = { ...late, index: { ...late.index, configSha256: "d".repeat(64) } };
    expect(playlist("v720.m3u8", [first, late])).not.toBeNull();
    expect(playlist("v720.m3u8", [first, moved])).toBeNull();
    expect(playlist("v720.m3u8", [first, other])).toBeNull();
  });
});

describe("the playlist of sound", () => {
  test("is there with the first pictures, whole, and open as theirs are", () => {
    expect(playlist("a-eng.m3u8", [sound])).toBeNull();
    expect(playlist("a-eng.m3u8", [chunk(0, "v720")])).toBeNull();
    expect(playlist("a-eng.m3u8", [chunk(1, "v720"), sound])).toBeNull();
    const open = playlist("a-eng.m3u8", [chunk(0, "v720"), sound]);
    expect(filesOf(open)).toEqual(["a-eng.mp4", "a-eng.mp4"]);
    expect(open).toContain("#EXT-X-PLAYLIST-TYPE:EVENT\n");
    expect(open).toContain("#EXT-X-TARGETDURATION:5\n");
    expect(open).not.toContain("#EXT-X-ENDLIST");
    const closed = playlist("a-eng.m3u8", [chunk(0, "v720"), sound], "ended");
    expect(closed).toBe(`${open}#EXT-X-ENDLIST\n`);
  });
});

describe("the playlist of sound that has a prelude", () => {
  const pictures = chunk(0, "v720");
  const lines = (...accepted: IndexedFile[]) =>
    linesOf(playlist("a-eng.m3u8", [pictures, ...accepted]));

  test("begins with that, and goes on in the whole where it ends", () => {
    const begun = lines(prelude);
    expect(begun.slice(-4)).toEqual([
      '#EXT-X-MAP:URI="a-eng.first.mp4",BYTERANGE="600@0"',
      ...["#EXTINF:4.000000,", "#EXT-X-BYTERANGE:400@600", "a-eng.first.mp4"],
    ]);
    const rest = ["#EXTINF:4.000000,", "#EXT-X-BYTERANGE:500@1100", "a-eng.mp4"];
    expect(lines(prelude, sound)).toEqual([...begun, ...rest]);
    expect(lines(sound, prelude)).toEqual([...begun, ...rest]);
  });

  test.each([
    ["is of another configuration", { configSha256: "d".repeat(64) }],
    ["begins at another time", { start: -1 }],
    ["ends between two of its segments", { segments: [[400, 90]] as [number, number][] }],
    ["is longer", { segments: [100, 100, 100].map((ticks) => [400, ticks] as [number, number]) }],
  ])("is the whole's alone where the prelude %s", (_, change) => {
    const other = { ...prelude, index: { ...prelude.index, ...change } } as IndexedFile;
    expect(lines(other, sound)).toEqual(lines(sound));
  });

  test("shows the master playlist as soon as the prelude is there", () => {
    const early = firstOnes.filter((file) => file !== sound);
    expect(playlist("film.m3u8", early)).toBeNull();
    expect(playlist("film.m3u8", [...early, prelude])).not.toBeNull();
  });

  test("never ends a job with the prelude alone", () => {
    const need = { ...facts, presentation };
    const parts = [...every.filter((file) => file !== sound), prelude];
    expect(assemblePresentation(need, parts, COUNT).status).toBe("incomplete");
    const assembled = assemblePresentation(need, [...parts, sound], COUNT);
    if (assembled.status !== "ok") throw new Error(assembled.status);
    const [track] = assembled.presentation.audio;
    expect(track?.rendition.segments.map(({ start }) => start)).toEqual([0, 100]);
  });
});

describe("the playlist of cues", () => {
  test("is one file for the whole time, complete from the first pictures on", () => {
    expect(playlist("s-deu.m3u8", [cues])).toBeNull();
    expect(playlist("s-deu.m3u8", [chunk(0, "v720"), sound])).toBeNull();
    const text = playlist("s-deu.m3u8", [chunk(0, "v720"), cues]);
    expect(filesOf(text)).toEqual(["s-deu.vtt"]);
    expect(text).toContain("#EXTINF:26.000000,");
    expect(text).toContain("#EXT-X-ENDLIST");
  });
});

describe("the master playlist", () => {
  test("is there exactly when every rendition's first chunk, the sound and the cues are", () => {
    fc.assert(
      fc.property(shuffledSome, (accepted) => {
        const isThere = firstOnes.every((file) => accepted.includes(file));
        expect(playlist("film.m3u8", accepted) !== null).toBe(isThere);
      }),
      // Each of the four is the only one that is missing, in some example.
      { examples: firstOnes.map((left) => [every.filter((file) => file !== left)]) },
    );
  });

  test("names every playlist that there is, and none else", () => {
    const text = playlist("film.m3u8", every) ?? "";
    const named = [
      ...filesOf(text),
      ...[...text.matchAll(/URI="([^"]+)"/g)].map(([, name]) => name),
    ];
    expect(named.sort()).toEqual([
      ...["a-eng.m3u8", "s-deu.m3u8", "v360-iframes.m3u8", "v360.m3u8"],
      ...["v720-iframes.m3u8", "v720.m3u8"],
    ]);
    for (const name of named) expect(needOfPlaylist(facts, name ?? "")).not.toBeNull();
  });

  test("is the same from the first piece to the last, and promises what the encoder may still need", () => {
    const text = playlist("film.m3u8", firstOnes);
    expect(playlist("film.m3u8", every)).toBe(text);
    expect(playlist("film.m3u8", every, "ended")).toBe(text);
    expect(text).toMatch(/BANDWIDTH=90\d{4},.*RESOLUTION=1280x720/);
  });
});

describe("a name", () => {
  test("that is no playlist of the presentation needs nothing, and a job of one file has none at all", () => {
    for (const name of ["film.mpd", "v720.mp4", "v1080.m3u8", "a-eng-iframes.m3u8", "v720"]) {
      expect(needOfPlaylist(facts, name)).toBeNull();
    }
    expect(needOfPlaylist({ ...facts, presentation: null }, "film.m3u8")).toBeNull();
  });
});
