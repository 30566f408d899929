/** What an attempt does for a part of a divided job, its inputs being open. */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { chunkFile, chunkStep, rawFile } from "../../protocol/chunks/chunk-step.ts";
import type { RenditionIndex, TaskPart } from "../../protocol/chunks/contract.ts";
import { outputTicks, shownAt } from "../../protocol/chunks/grid.ts";
import type { EncoderCapability } from "../../protocol/media.ts";
import type { Plan, PromisedOutput } from "../../protocol/plan.ts";
import { ABANDONED, fail, type Part, type Work } from "../attempt-parts.ts";
import { completed, type Delivered, type DeliveryOrder, type RanPlan } from "../deliver.ts";
import type { ListedFile } from "../ffmpeg/index.ts";
import { planRunAndDeliver } from "../plan-and-run.ts";
import type { AttemptOutcome } from "../session-model.ts";
import { type Cut, cutChunk } from "./cut-chunk.ts";
import { deliverParts } from "./deliver-parts.ts";
import { makePrelude, type Prelude } from "./make-prelude.ts";
import { type DividedPlan, makePlan, pinnedEncoders, planPart } from "./part-plan.ts";
import { performMerge } from "./perform-merge.ts";
import { performSound } from "./perform-sound.ts";

type PartOf<K extends TaskPart["kind"]> = Extract<TaskPart, { kind: K }>;

export async function performPart(work: Work, part: TaskPart): Promise<AttemptOutcome> {
  switch (part.kind) {
    case "chunk":
      return performChunk(work, part);
    case "audio":
      return performSound(work, part);
    case "merge":
      return performMerge(work, part);
  }
}

async function performChunk(work: Work, part: PartOf<"chunk">): Promise<AttemptOutcome> {
  const fits = planPart(work, part.plan, pinnedEncoders(work.devices.proved(), part.pins));
  if (fits.status === "ended") return fits.outcome;
  const chunkWith = (encoders: readonly EncoderCapability[]) => {
    const made = makePlan(work, part.plan, pinnedEncoders(encoders, part.pins));
    return made.status === "rejected" ? made : chunkPlan(part, made.value);
  };
  const stop = new AbortController();
  const signal = AbortSignal.any([work.signal, stop.signal]);
  const prelude = makePrelude({ ...work, signal }, part, fits.value.division);
  try {
    const delivered = await planRunAndDeliver(work, chunkWith, async (ran, order) =>
      cutAndDeliver(work, part, ran, await prelude, order),
    );
    return completed(delivered);
  } finally {
    stop.abort();
    await prelude;
  }
}

/** The whole's plan with the chunk's step in place of its own, and the chunk's files in place of its outputs. */
function chunkPlan(part: PartOf<"chunk">, { plan, division }: DividedPlan): Plan {
  const { chunk, count } = part;
  const step = chunkStep(division, part.plan, chunk, chunk.index === count - 1);
  const outputs = division.renditions.map((rendition): PromisedOutput => {
    const { codec, width, height } = rendition;
    return {
      key: plan.outputs[0]?.key ?? "",
      file: chunkFile(rendition.name, chunk.index),
      format: "mp4",
      role: "part",
      ...(chunk.index > 0 ? { continues: true } : {}),
      video: { codec, width, height, frames: chunk.frames },
      audio: null,
      // To the tick, when the overlap is cut away: ffprobe does not know how long a fragment's last frame lasts.
      durationSeconds: null,
      durationToleranceSeconds: 0,
    };
  });
  return { ...plan, division, steps: [step], outputs };
}

/** Cuts the overlap away, compares with the pins, and delivers what is left. */
async function cutAndDeliver(
  work: Work,
  part: PartOf<"chunk">,
  ran: RanPlan,
  prelude: Prelude,
  order: DeliveryOrder,
): Promise<Part<Delivered>> {
  const { plan, engine } = ran;
  const { chunk, pins } = part;
  const invalid = (detail: string) =>
    fail(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, engine);
  const indexes = new Map<string, RenditionIndex>();
  const listed = new Map<string, ListedFile>();
  for (const { name, encoder } of plan.division?.renditions ?? []) {
    const file = chunkFile(name, chunk.index);
    const raw = join(work.workDir, rawFile(name));
    const cut = cutOf(part, name, encoder.name);
    work.tracker.setChecking(true);
    const made = await cutChunk(raw, join(work.workDir, file), cut).finally(() =>
      work.tracker.setChecking(false),
    );
    if (work.signal.aborted) return ABANDONED;
    if (made.status === "invalid") return invalid(made.detail);
    await unlink(raw);
    const pin = pins?.[name];
    if (pin !== undefined && pin.configSha256 !== made.index.configSha256) {
      return invalid(
        `${name}: ${encoder.name} of this worker is configured unlike that of the first chunk.`,
      );
    }
    indexes.set(file, { ...made.index, track: "video" });
    listed.set(file, made.listed);
  }
  const outputs = [...plan.outputs, ...prelude.promises];
  const { judged } = prelude;
  const all = new Map([...indexes, ...prelude.indexes]);
  return deliverParts(work, { ...ran, plan: { ...plan, outputs }, listed, judged }, all, order);
}

function cutOf({ plan, chunk }: PartOf<"chunk">, rendition: string, encoder: string): Cut {
  return {
    rendition,
    encoder,
    chunk: chunk.index,
    from: shownAt(plan.grid, chunk.from),
    to: shownAt(plan.grid, chunk.to),
    ticks: outputTicks(plan.grid),
    frames: chunk.frames,
    segmentSeconds: plan.presentation?.segmentSeconds ?? null,
  };
}
