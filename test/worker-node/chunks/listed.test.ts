/** What the gate is told of a chunk, instead of having ffprobe read it: real files, held against ffprobe. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repeatedTime, shownTimes } from "../../../worker-node/chunks/sample-times.ts";
import { checkOutputs, type ListedFile, resolveTools } from "../../../worker-node/ffmpeg/index.ts";
import { readOutput } from "../../../worker-node/ffmpeg/read-output.ts";
import { readFragmentedFile } from "../../../worker-node/packaging/read-rendition.ts";
import { openParts, type Parts } from "./support.ts";

const { features } = await resolveTools(process.env);
const { signal } = new AbortController();

describe.skipIf(!features.fpsMode)("a chunk", () => {
  let parts: Parts;
  let files: readonly { readonly path: string; readonly listed: ListedFile }[];
  beforeAll(async () => {
    parts = await openParts();
    const source = parts.make(
      "long.mp4",
      ...["-f", "lavfi", "-i", "testsrc2=size=192x108:rate=30000/1001:duration=62"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "90", "-pix_fmt", "yuv420p"],
    );
    const made = await parts.inParts(source, { name: "transcode", preset: "veryfast" });
    files = [...made.files.values()].flat();
  }, 300_000);
  afterAll(() => parts.close());

  const check = (file: string, listed: ListedFile, change: { readonly frames?: number } = {}) => {
    const frames = change.frames ?? listed.frames;
    const promise = {
      ...({ key: "out_1", file: "a.mp4", format: "mp4", role: "part", audio: null } as const),
      video: { codec: "h264", width: 192, height: 108, frames } as const,
      ...{ durationSeconds: null, durationToleranceSeconds: 0 },
    };
    return checkOutputs(parts.tools, [{ file, promise, listed }], signal);
  };

  test("is listed as ffprobe finds it: codec, size, frames, and where its key frames are", async () => {
    expect(files.length).toBeGreaterThan(1);
    for (const { path, listed } of files) {
      const read = await readOutput(parts.tools, [path], signal);
      if (read.status !== "read") throw new Error(read.why);
      const scan = read.packets.get(0);
      const close = (a: number | null | undefined) => expect.closeTo(a ?? Number.NaN, 5);
      expect(listed).toMatchObject({ codec: "h264", width: 192, height: 108 });
      expect(listed.frames).toBe(scan?.presented);
      expect(listed.startSeconds).toEqual(close(scan?.start));
      expect(listed.lastKey).toEqual(close(scan?.lastKey));
      expect(listed.secondKey === null).toBe(scan?.secondKey === null);
      if (listed.secondKey !== null) expect(listed.secondKey).toEqual(close(scan?.secondKey));
      const { head, headBytes: _, fragments } = await readFragmentedFile(path);
      const bytes = readFileSync(path);
      const times = fragments.flatMap(({ offset, moofSize }) =>
        shownTimes(bytes.subarray(offset, offset + moofSize), head.defaults.duration),
      );
      expect(times).toHaveLength(listed.frames);
      expect(repeatedTime(times)).toBeNull();
    }
  });

  test("passes as listed, and is refused with other frames than were promised", async () => {
    for (const { path, listed } of files) {
      expect(await check(path, listed)).toMatchObject([
        { status: "ok", media: { videoCodec: "h264", width: 192 } },
      ]);
      const [refused] = await check(path, listed, { frames: listed.frames + 1 });
      expect(refused).toMatchObject({ status: "invalid" });
    }
  });

  test("is refused where it is damaged, though it is listed as it should be", async () => {
    const [first] = files;
    if (first === undefined) throw new Error("no chunk");
    const damaged = join(parts.dir, "damaged.mp4");
    copyFileSync(first.path, damaged);
    const bytes = readFileSync(damaged);
    const { fragments } = await readFragmentedFile(first.path);
    const last = fragments.at(-1);
    if (last === undefined) throw new Error("no fragment");
    bytes.fill(0xff, last.offset + last.moofSize + 8, last.offset + last.size);
    writeFileSync(damaged, bytes);
    const [refused] = await check(damaged, first.listed);
    expect(refused).toMatchObject({ status: "invalid" });
  });

  test("with two frames at one time is told by their times", () => {
    expect(repeatedTime([3, 1, 2])).toBeNull();
    expect(repeatedTime([3, 1, 2, 1])).toBe(1);
  });
});
