import { describe, expect, test } from "vitest";
import { showJobOn, stageLine } from "../../cli/job-display.ts";
import { LiveLines, type Screen } from "../../cli/live-lines.ts";
import type { Attempt, Job } from "../../protocol/http/jobs.ts";

/** The fields that are shown. */
function jobAt(state: Job["state"], progress: number): Job {
  return { state, progress, error: null, fps: null, speed: null } as Job;
}

function record(isTTY: boolean): Screen & { text: string } {
  return {
    isTTY,
    text: "",
    write(text: string) {
      this.text += text;
    },
  };
}

const way = [
  jobAt("queued", 0),
  jobAt("queued", 0),
  ...Array.from({ length: 91 }, (_, i) => jobAt("transcoding", i + 5)),
  jobAt("completed", 100),
];

const attempt = {
  kind: "whole",
  run: 1,
  state: "completed",
  workerName: "gpu-1",
  encoder: "libx264",
  device: "cpu",
} as Attempt;

describe("a job that is followed", () => {
  test("into a file has a line for each state and each quarter of the way", () => {
    const file = record(false);
    way.forEach(showJobOn(new LiveLines(file)));
    const lines = file.text.trimEnd().split("\n");
    expect(lines.map((line) => line.match(/(\w+) .*?(\d+ %|$)/)?.slice(1))).toEqual([
      ["queued", ""],
      ["transcoding", "5 %"],
      ["transcoding", "25 %"],
      ["transcoding", "50 %"],
      ["transcoding", "75 %"],
      ["completed", "100 %"],
    ]);
  });

  test("on a terminal rewrites the line of a state, however often it changes", () => {
    const terminal = record(true);
    const lines = new LiveLines(terminal);
    way.forEach(showJobOn(lines));
    lines.end();
    expect(terminal.text.split("\n")).toHaveLength(4);
    expect(terminal.text).toContain("\r\u001b[2K");
  });

  test("shows the quarters of a new attempt, which begins again", () => {
    const file = record(false);
    const show = showJobOn(new LiveLines(file));
    for (const progress of [5, 60, 5, 60]) show(jobAt("transcoding", progress));
    expect(file.text.match(/60 %/g)).toHaveLength(2);
  });
});

describe("a stage that is over", () => {
  const stage = {
    state: "completed",
    progress: 100,
    startedAt: "2026-11-22T17:00:00.000Z",
    completedAt: "2026-11-22T17:00:01.500Z",
  } as const;

  test("says how long it took, and what was done by whom", () => {
    const line = (name: Job["stages"][number]["name"]) => stageLine({ ...stage, name }, [attempt]);
    expect(line("probing")).toBe("  probing      completed in 1.50 s: source read by gpu-1");
    expect(line("planning")).toContain("encode with libx264 on cpu");
    expect(line("transcoding")).toContain("by gpu-1");
    const kept = { ...attempt, encoder: null, device: null };
    expect(stageLine({ ...stage, name: "planning" }, [kept])).toContain("no need to encode");
  });

  test("of a divided job names all who worked on it, and not those whose work was lost", () => {
    const made = (changes: Partial<Attempt>): Attempt => ({
      ...attempt,
      kind: "chunk",
      ...changes,
    });
    const attempts = [
      made({ run: 1, workerName: "earlier" }),
      made({ run: 2 }),
      made({ run: 2, workerName: "lost", state: "expired" }),
      made({ run: 2, workerName: "gpu-2" }),
      made({ run: 2, kind: "audio", encoder: null }),
      made({ run: 2, kind: "merge", workerName: "gpu-3", encoder: null, device: null }),
    ];
    const deed = (name: Job["stages"][number]["name"]) =>
      stageLine({ ...stage, name }, attempts)
        .split(": ")
        .at(-1);
    expect(deed("planning")).toBe("encode with libx264 on cpu");
    expect(deed("segmenting")).toBe("cut into 2 chunks");
    expect(deed("transcoding")).toBe("written, read back, checked and sent up by gpu-1, gpu-2");
    expect(deed("merging")).toBe("joined by gpu-3");
  });

  test("of a job that still runs says what is known by then", () => {
    const deed = (name: Job["stages"][number]["name"], attempts: readonly Attempt[]) =>
      stageLine({ ...stage, name }, attempts).split(": ")[1];
    const begun = { ...attempt, state: "running", encoder: null, device: null } as Attempt;
    expect(deed("planning", [begun])).toBeUndefined();
    const planner = { ...attempt, encoder: null, device: null };
    const chunk = (changes: Partial<Attempt>): Attempt => ({
      ...{ ...attempt, kind: "chunk", state: "running", encoder: "libx265" },
      ...changes,
    });
    expect(deed("planning", [planner, chunk({ encoder: null })])).toBeUndefined();
    const divided = [planner, chunk({ state: "failed" }), chunk({}), chunk({ state: "completed" })];
    expect(deed("planning", divided)).toBe("encode with libx265 on cpu");
    expect(deed("segmenting", divided)).toBe("cut into chunks");
  });

  test("that failed claims nothing", () => {
    const failed = { ...stage, name: "transcoding", state: "failed" } as const;
    expect(stageLine(failed, [attempt])).toBe("  transcoding  failed in 1.50 s");
  });
});
