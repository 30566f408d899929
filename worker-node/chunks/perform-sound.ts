/** Sound, cues and all that is not pictures: one run over the whole, because encoders of sound have no clean seams. */
import { join } from "node:path";
import type {
  ByteSpan,
  PresentationPlan,
  RenditionIndex,
  TaskPart,
} from "../../protocol/chunks/contract.ts";
import { cuesFile, mediaFile } from "../../protocol/packaging/presentation.ts";
import type { FfmpegStep, Plan } from "../../protocol/plan.ts";
import { failure, NO_ENGINE, type Work } from "../attempt-parts.ts";
import { completed } from "../deliver.ts";
import { readFragmentedFile } from "../packaging/read-rendition.ts";
import { planAndRun } from "../plan-and-run.ts";
import type { AttemptOutcome } from "../session-model.ts";
import { indexOf } from "./cut-chunk.ts";
import { deliverParts } from "./deliver-parts.ts";
import { anyEncoder, type DividedPlan, planPart } from "./part-plan.ts";

type SoundPart = Extract<TaskPart, { kind: "audio" }>;

export async function performSound(work: Work, part: SoundPart): Promise<AttemptOutcome> {
  work.tracker.enter("planning");
  const planned = planPart(work, part.plan, anyEncoder);
  return planned.status === "ended" ? planned.outcome : performAudio(work, part, planned.value);
}

function unplanned(work: Work, detail: string): AttemptOutcome {
  return failure(work, { code: "ENGINE_INVOCATION_ERROR", detail, retryable: true }, NO_ENGINE);
}

async function performAudio(
  work: Work,
  part: SoundPart,
  { plan, division }: DividedPlan,
): Promise<AttemptOutcome> {
  const { sound } = division;
  if (sound === null) return unplanned(work, "The plan of this part has no sound.");
  const seconds = part.plan.presentation?.durationSeconds ?? soundSeconds(part);
  const step = soundStep(division.source, sound.outputs, seconds);
  const whole: Plan = { ...plan, steps: [step], outputs: sound.promises };
  const ran = await planAndRun(work, () => whole);
  if (ran.status === "ended") return ran.outcome;
  const indexes = new Map<string, RenditionIndex>();
  for (const { file } of sound.promises) indexes.set(file, await soundIndex(work, part, file));
  return completed(await deliverParts(work, ran.value, indexes));
}

/**
 * The sound of a source, or as much of it as the outputs' options say.
 *
 * @param reads what of the source it is expected to need, where that is known.
 */
export function soundStep(
  source: string,
  outputs: FfmpegStep["outputs"],
  expectedSeconds: number | null,
  reads?: ByteSpan,
): FfmpegStep {
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [{ from: { source, ...(reads === undefined ? {} : { reads }) }, options: [] }],
    filterComplex: null,
    outputs,
    expectedFrames: null,
    expectedSeconds,
    encoder: null,
  };
}

function soundSeconds({ plan }: SoundPart): number | null {
  const [source] = Object.values(plan.sources);
  const lengths = source?.audio.flatMap(({ durationSeconds }) => durationSeconds ?? []) ?? [];
  return lengths.length === 0 ? null : Math.max(...lengths);
}

async function soundIndex(work: Work, { plan }: SoundPart, file: string): Promise<RenditionIndex> {
  const { presentation } = plan;
  const cues = presentation?.subtitles.find(({ name }) => cuesFile(name) === file);
  if (cues !== undefined) return { track: "text", rendition: cues.name };
  const track = presentation?.audio.find(({ name }) => mediaFile(name) === file);
  if (presentation === null || track === undefined) return { track: "sound", rendition: file };
  const { head, headBytes, fragments } = await readFragmentedFile(join(work.workDir, file));
  const about = aboutTrack(presentation, track.name);
  return { ...indexOf(head, headBytes, fragments, about), track: "audio" };
}

/** What is reported of every track of sound. */
export function aboutTrack({ segmentSeconds }: PresentationPlan, rendition: string) {
  return { rendition, encoder: "aac", segmentSeconds };
}
