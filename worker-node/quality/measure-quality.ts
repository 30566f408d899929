/** Compares the outputs of an attempt with their source, once they have passed the gate. */
import type { Plan, PromisedOutput, Reference } from "../../protocol/plan.ts";
import type { OutputQuality, QualityFigures } from "../../protocol/quality.ts";
import { ABANDONED, fail, type Part, type Work } from "../attempt-parts.ts";
import type { EngineReport } from "../session-model.ts";
import { measurement } from "./measure-step.ts";
import { readFigures } from "./read-figures.ts";

/** An output as the gate found it. */
export interface FoundPictures {
  readonly promise: PromisedOutput;
  readonly width: number | null;
  readonly height: number | null;
  readonly videoCodec: string | null;
  /** Presented. */
  readonly frames: number;
  readonly startSeconds: number;
}

type Compared = FoundPictures & { readonly promise: { readonly reference: Reference } };

function isCompared(found: FoundPictures): found is Compared {
  return found.promise.reference !== undefined;
}

/** Runs a step of ffmpeg as the attempt does its others: movement renews the lease, a stall ends it. */
export type RunMeasure = (
  step: ReturnType<typeof measurement>["step"],
) => ReturnType<Work["engine"]["run"]>;

/**
 * The figures of each output that was asked for, by its key. A rendition counts to the output whose part it is.
 * Where a measure fails, the attempt does: figures that were asked for are never left out in silence.
 */
export async function measureQuality(
  work: Work,
  plan: Plan,
  found: readonly FoundPictures[],
  engine: EngineReport,
  run: RunMeasure,
): Promise<Part<ReadonlyMap<string, OutputQuality>>> {
  const stage = plan.steps.at(-1)?.stage ?? "transcoding";
  const measured = new Map<string, OutputQuality>();
  for (const [at, one] of found.filter(isCompared).entries()) {
    const figures = await measureOne(work, one, { at, stage, engine, run });
    if (figures.status === "ended") return figures;
    const { key, role } = one.promise;
    if (role === undefined) measured.set(key, figures.value);
    else measured.set(key, withRendition(measured.get(key), one, figures.value));
  }
  return { status: "ok", value: measured };
}

function withRendition(
  before: OutputQuality | undefined,
  { promise, width, height, videoCodec }: Compared,
  figures: QualityFigures,
): OutputQuality {
  const name = promise.file.replace(/\.[^.]+$/, "");
  const rendition = {
    name,
    width: width ?? 0,
    height: height ?? 0,
    videoCodec: videoCodec ?? "",
    ...figures,
  };
  return {
    ...(before ?? figures),
    renditions: [...(before?.renditions ?? []), rendition],
  };
}

interface MeasureContext {
  readonly at: number;
  readonly stage: "segmenting" | "transcoding" | "merging";
  readonly engine: EngineReport;
  readonly run: RunMeasure;
}

async function measureOne(
  work: Work,
  found: Compared,
  { at, stage, engine, run }: MeasureContext,
): Promise<Part<QualityFigures>> {
  const { promise, frames } = found;
  const { reference } = promise;
  const planned = measurement({
    promise,
    reference,
    at,
    size: { width: found.width ?? 0, height: found.height ?? 0 },
    startSeconds: found.startSeconds,
    stage,
    hasVmaf: work.engine.hasVmaf === true,
    frames,
  });
  const ran = await run(planned.step);
  if (ran.status === "aborted" || work.signal.aborted) return ABANDONED;
  const unmeasured = (detail: string) =>
    `The quality of '${promise.file}' was not measured: ${detail}`;
  if (ran.status === "failed") {
    const report = { ...engine, exitCode: ran.exitCode, log: [...engine.log, ...ran.log] };
    return fail(work, { ...ran, detail: unmeasured(ran.detail) }, report);
  }
  const read = await readFigures({
    dir: work.workDir,
    measurement: planned,
    bitDepth: reference.bitDepth,
    frames,
  });
  if (read.status === "ok") return { status: "ok", value: read.figures };
  const detail = unmeasured(`${read.detail}.`);
  return fail(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, engine);
}
