/** What a pool counts of the parts of a divided job: the speed of an encoder is read off it. */
import { describe, expect, test } from "vitest";
import { countStep, noCounters } from "../../edge/domain/counters.ts";
import { indexOf } from "../support/plans.ts";
import { complete, divided, first, lease, taskOf } from "./divided-job.ts";
import { output } from "./driver.ts";

describe("the media that a part made", () => {
  test("is counted by its index, of the longest of its files, once", () => {
    const job = divided();
    lease(job, first);
    complete(job, first);
    const before = job.effects.length;
    const long = {
      ...indexOf(),
      segments: [[10, 50] as [number, number], [10, 25] as [number, number]],
    };
    const cues = { track: "text", rendition: "en" } as const;
    const outputs = [indexOf(), long, cues].map((index) => ({ ...output, index }));
    job.feed({ type: "verified", epoch: taskOf(job, first).epoch, outputs }, first);
    const { attempts } = countStep(noCounters, job.live, job.effects.slice(before));
    expect(attempts).toEqual([
      expect.objectContaining({ state: "completed", kind: "chunk", count: 1, mediaSeconds: 3 }),
    ]);
  });
});
