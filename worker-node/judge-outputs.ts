/** What is found of the files that a plan promised: whether they are as promised, what they are, and how good. */
import { join } from "node:path";
import type { OutputReport } from "../protocol/task.ts";
import { ABANDONED, fail, type Part, type Work } from "./attempt-parts.ts";
import type { RanPlan } from "./deliver.ts";
import type { OutputFile } from "./ffmpeg/index.ts";
import { type FoundPictures, measureQuality } from "./quality/measure-quality.ts";
import { runFfmpeg } from "./run-ffmpeg.ts";

/** Longest check of an attempt's files; while it runs, time counts as movement. */
const CHECK_LIMIT_MS = 10 * 60_000;

/** What is reported of promised files beside where they are stored, by their names in the scratch directory. */
export type Judged = ReadonlyMap<string, Pick<OutputReport, "media" | "quality">>;

/** Takes all files through the gate, and measures their quality where that was asked for. */
export async function judgeOutputs(
  work: Work,
  { plan, engine, listed, judged: before }: RanPlan,
): Promise<Part<Judged>> {
  const unjudged = plan.outputs.filter(({ file }) => before?.has(file) !== true);
  const files = unjudged.map((promise): OutputFile => {
    const known = listed?.get(promise.file);
    const file = join(work.workDir, promise.file);
    return { file, promise, ...(known === undefined ? {} : { listed: known }) };
  });
  const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
  work.tracker.setChecking(true);
  const results = await work.engine
    .check(files, AbortSignal.any([work.signal, limit]))
    .finally(() => work.tracker.setChecking(false));
  if (work.signal.aborted) return ABANDONED;
  const judged = new Map(before);
  const pictures: FoundPictures[] = [];
  for (const [at, result] of results.entries()) {
    if (result.status === "invalid") {
      const { detail } = result;
      return fail(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, engine);
    }
    const promise = unjudged[at];
    if (promise === undefined) continue;
    const { media } = result;
    judged.set(promise.file, { media });
    const { width, height, videoCodec } = media;
    if (result.pictures !== undefined) {
      pictures.push({ promise, width, height, videoCodec, ...result.pictures });
    }
  }
  if (work.assignment.task.quality !== true) return { status: "ok", value: judged };
  const measured = await measureQuality(work, plan, pictures, engine, (step) => {
    work.tracker.beginStep(step);
    return runFfmpeg(work, step);
  });
  if (measured.status === "ended") return measured;
  // Figures stand with the file that was asked for.
  for (const { key, role, file } of plan.outputs) {
    const quality = role === undefined ? measured.value.get(key) : undefined;
    const found = judged.get(file);
    if (quality !== undefined && found !== undefined) judged.set(file, { ...found, quality });
  }
  return { status: "ok", value: judged };
}
