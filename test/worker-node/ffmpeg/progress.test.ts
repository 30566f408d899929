import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ProgressReport } from "../../../worker-node/ffmpeg/progress.ts";
import { createProgressReader, parseProgressLine } from "../../../worker-node/ffmpeg/progress.ts";

function readAll(text: string): ProgressReport[] {
  const read = createProgressReader();
  return text.split("\n").flatMap((line) => read(line) ?? []);
}

describe("what -progress writes", () => {
  it.each(["4.1", "5.1", "7.0"])("is read to the end as ffmpeg %s wrote it", (version) => {
    const text = readFileSync(new URL(`fixtures/progress-${version}.txt`, import.meta.url), "utf8");
    const reports = readAll(text);
    expect(reports.map(({ ended }) => ended)).toEqual([...reports.slice(1).map(() => false), true]);
    const last = reports.at(-1)?.progress;
    expect(last?.frame).toBe(795);
    expect(last?.outTimeSeconds).toBeGreaterThan(79);
    expect(last?.outTimeSeconds).toBeLessThan(79.6);
    expect(last?.totalSize).toBeGreaterThan(1_000_000);
    expect(last?.speed).toBeGreaterThan(0);
    for (const { progress } of reports) {
      expect(progress.outTimeSeconds ?? 0).toBeGreaterThanOrEqual(0);
    }
  });

  it("takes out_time_ms for microseconds, which it is", () => {
    const [report] = readAll("out_time_ms=7600098\nprogress=continue");
    expect(report?.progress.outTimeSeconds).toBeCloseTo(7.600098, 6);
  });

  it("says null for N/A and for the impossible time before the first frame", () => {
    const [report] = readAll(
      "frame=0\nfps=0.00\ntotal_size=N/A\nout_time_us=-9223372036854775807\nspeed=N/A\nprogress=continue",
    );
    expect(report?.progress).toEqual({
      frame: 0,
      fps: 0,
      speed: null,
      outTimeSeconds: null,
      totalSize: null,
    });
  });

  it("has no frame where only sound is encoded", () => {
    const [report] = readAll(
      "total_size=176478\nout_time_us=2000000\nspeed=2.08e+03x\nprogress=end",
    );
    expect(report).toEqual({
      ended: true,
      progress: {
        frame: null,
        fps: null,
        speed: 2080,
        outTimeSeconds: 2,
        totalSize: 176_478,
      },
    });
  });

  it("forgets a block once it is reported", () => {
    const reports = readAll("frame=5\nprogress=continue\nfps=1\nprogress=continue");
    expect(reports[1]?.progress.frame).toBeNull();
  });

  it.each(["", "hello", "=5", "Frame=5", "a b=5"])("is nothing but key=value lines: %j", (line) => {
    expect(parseProgressLine(line)).toBeNull();
  });

  it("loses the padding around a value", () => {
    expect(parseProgressLine("speed=  15x ")).toEqual({ key: "speed", value: "15x" });
  });
});
