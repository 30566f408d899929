/** What the merge reads, with real ffmpeg: its parts once, and the source for its chapters alone. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mergeStep } from "../../../protocol/chunks/merge-step.ts";
import { resolveTools } from "../../../worker-node/ffmpeg/index.ts";
import { type MadeInParts, openParts, type Parts } from "./support.ts";

const { features } = await resolveTools(process.env);

const CHAPTERS = [";FFMETADATA1", ...chapter(0, 31, "Opening"), ...chapter(31, 62, "Ending")];

function chapter(start: number, end: number, title: string): readonly string[] {
  return ["[CHAPTER]", "TIMEBASE=1/1", `START=${start}`, `END=${end}`, `title=${title}`];
}

describe.skipIf(!features.fpsMode)("a merged file", () => {
  let parts: Parts;
  beforeAll(async () => {
    parts = await openParts();
  });
  afterAll(() => parts.close());

  const make = (name: string, ...more: string[]) =>
    parts.make(
      name,
      ...["-f", "lavfi", "-i", "testsrc2=size=128x72:rate=5:duration=62"],
      ...["-f", "lavfi", "-i", "sine=duration=62", ...more],
      ...["-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
    );
  const chaptersOf = (file: string) => {
    const args = ["-v", "error", "-show_chapters", "-of", "json", file];
    const { chapters } = JSON.parse(execFileSync(parts.tools.ffprobe, args).toString());
    return chapters.map(
      ({ start_time, tags }: { start_time: string; tags: { title: string } }) => ({
        at: Number(start_time),
        title: tags.title,
      }),
    );
  };
  const inputsOf = ({ plan, source }: MadeInParts): number => {
    const [promise] = plan.outputs;
    if (plan.division === undefined || promise === undefined) throw new Error("not divided");
    return mergeStep(plan.division, source, promise, 1)?.inputs.length ?? 0;
  };

  test("has the chapters of its source, at their times", async () => {
    const list = join(parts.dir, "chapters.txt");
    writeFileSync(list, CHAPTERS.join("\n"));
    const source = make("chaptered.mp4", "-i", list, "-map_chapters", "2");
    const made = await parts.inParts(source, { name: "transcode", preset: "ultrafast" });
    expect(chaptersOf(made.file)).toEqual([
      { at: 0, title: "Opening" },
      { at: 31, title: "Ending" },
    ]);
    expect(inputsOf(made)).toBe(3);
  }, 120_000);

  test("is made of parts that are read once, from end to end", async () => {
    // Fragments of megabytes: of small ones ffmpeg reads what it passes over.
    const source = parts.make(
      "noisy.mp4",
      ...["-f", "lavfi", "-i", "testsrc2=size=480x270:rate=5:duration=62,noise=alls=60:allf=t"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30"],
    );
    const recipe = { name: "transcode", preset: "ultrafast", crf: 24 };
    const { joined } = await parts.inParts(source, recipe);
    expect(joined.bytes).toBeGreaterThan(5_000_000);
    expect(joined.served).toBe(joined.bytes);
  }, 120_000);

  test("is made without its source where that has none", async () => {
    const made = await parts.inParts(make("plain.mp4"), {
      name: "transcode",
      preset: "ultrafast",
    });
    expect(made.source.chapters).toBe(false);
    expect(chaptersOf(made.file)).toEqual([]);
    expect(inputsOf(made)).toBe(2);
  }, 120_000);
});
