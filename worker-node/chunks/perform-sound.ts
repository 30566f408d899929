/** Sound, cues and all that is not pictures: one run over the whole, and before it, of its first piece. */
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import type {
  MediaIndex,
  PresentationPlan,
  RenditionIndex,
  TaskPart,
} from "../../protocol/chunks/contract.ts";
import { cuesFile, mediaFile, preludeFile } from "../../protocol/packaging/presentation.ts";
import { renditionOf } from "../../protocol/packaging/segments.ts";
import type { FfmpegStep, Plan } from "../../protocol/plan.ts";
import { failure, NO_ENGINE, type Work } from "../attempt-parts.ts";
import { completed } from "../deliver.ts";
import { readFragmentedFile } from "../packaging/read-rendition.ts";
import { planAndRun } from "../plan-and-run.ts";
import type { AttemptOutcome } from "../session-model.ts";
import { indexOf } from "./cut-chunk.ts";
import { deliverParts } from "./deliver-parts.ts";
import { anyEncoder, type DividedPlan, planPart } from "./part-plan.ts";

type SoundPart = Extract<TaskPart, { kind: "prelude" | "audio" }>;

/** The sound is never cut: the prelude's piece is made a second time with the whole, and is the same. */
export async function performSound(work: Work, part: SoundPart): Promise<AttemptOutcome> {
  work.tracker.enter("planning");
  const planned = planPart(work, part.plan, anyEncoder);
  if (planned.status === "ended") return planned.outcome;
  const { presentation } = part.plan;
  if (part.kind === "audio") return performAudio(work, part, planned.value);
  if (presentation !== null) return performPrelude(work, presentation, planned.value);
  return unplanned(work, "The plan of this part names no playlists.");
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

function soundStep(
  source: string,
  outputs: FfmpegStep["outputs"],
  expectedSeconds: number | null,
): FfmpegStep {
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [{ from: { source }, options: [] }],
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

function aboutTrack({ segmentSeconds }: PresentationPlan, rendition: string) {
  return { rendition, encoder: "aac", segmentSeconds };
}

/** Beyond the first segment: what encoders look ahead, and a fragment that is not the file's last. */
const BEYOND_SECONDS = 3;
/** What ffmpeg writes: the first segment, and what is made after it. */
const rawSound = (track: string) => `${track}.raw.mp4`;

/** The first segment of every track, cut where the whole's ends, too. */
async function performPrelude(
  work: Work,
  presentation: PresentationPlan,
  { plan, division }: DividedPlan,
): Promise<AttemptOutcome> {
  const { sound, source } = division;
  if (sound === null) return unplanned(work, "The plan of this part has no sound.");
  const seconds = presentation.segmentSeconds + BEYOND_SECONDS;
  const tracks = presentation.audio.map(({ name }) => name);
  const begun = tracks.flatMap((track) => {
    const output = sound.outputs.find(({ file }) => file === mediaFile(track));
    if (output === undefined) return [];
    const options = [...output.options, "-t", String(seconds)];
    return [{ ...output, file: rawSound(track), options }];
  });
  const outputs = tracks.flatMap((track) => {
    const promise = sound.promises.find(({ file }) => file === mediaFile(track));
    if (promise === undefined) return [];
    return [{ ...promise, file: preludeFile(track), durationSeconds: null }];
  });
  const piece: Plan = { ...plan, steps: [soundStep(source, begun, null)], outputs };
  const ran = await planAndRun(work, () => piece);
  if (ran.status === "ended") return ran.outcome;
  const indexes = new Map<string, RenditionIndex>();
  for (const track of tracks) {
    const index = await cutPrelude(work.workDir, presentation, track);
    indexes.set(preludeFile(track), { ...index, track: "audio" });
  }
  return completed(await deliverParts(work, ran.value, indexes));
}

/** Keeps the fragments of the first segment, which follow the head without a gap. */
async function cutPrelude(
  workDir: string,
  presentation: PresentationPlan,
  track: string,
): Promise<MediaIndex> {
  const raw = join(workDir, rawSound(track));
  const about = aboutTrack(presentation, track);
  const { head, headBytes, fragments } = await readFragmentedFile(raw);
  const { segments } = renditionOf(
    head,
    headBytes.length,
    fragments,
    presentation.segmentSeconds,
    "shown",
  );
  const [first] = segments;
  if (first === undefined) throw new RangeError(`'${track}' has no sound.`);
  const end = first.offset + first.size;
  const file = await open(raw, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end), 0, end, 0);
    const target = await open(join(workDir, preludeFile(track)), "w", 0o600);
    await target.write(buffer, 0, bytesRead, 0).finally(() => target.close());
  } finally {
    await file.close();
  }
  await unlink(raw);
  const kept = fragments.filter(({ offset }) => offset < end);
  return indexOf(head, headBytes, kept, about);
}
