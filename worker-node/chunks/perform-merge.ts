/** The parts of a divided job become its outputs: playlists over their files, or one file by stream copy. */
import { assemblePresentation, chunksOf, joinFiles } from "../../protocol/chunks/assemble.ts";
import type { Part as PartFile, TaskPart } from "../../protocol/chunks/contract.ts";
import { JOINED_PICTURES, JOINED_SOUND, mergeStep } from "../../protocol/chunks/merge-step.ts";
import { contentTypeOf } from "../../protocol/media.ts";
import type { Plan } from "../../protocol/plan.ts";
import { failure, NO_ENGINE, type Work } from "../attempt-parts.ts";
import { completed, deliver } from "../deliver.ts";
import { writeTexts } from "../packaging/package-files.ts";
import { planAndRun } from "../plan-and-run.ts";
import type { AttemptOutcome } from "../session-model.ts";
import { joinedUpstream, type Piece } from "../source/joined-upstream.ts";
import { listParts, partInput } from "./part-input.ts";
import { anyEncoder, type DividedPlan, planPart } from "./part-plan.ts";

type MergePart = Extract<TaskPart, { kind: "merge" }>;

export async function performMerge(work: Work, part: MergePart): Promise<AttemptOutcome> {
  work.tracker.enter("merging");
  const planned = planPart(work, part.plan, anyEncoder);
  if (planned.status === "ended") return planned.outcome;
  const listed = await listParts(work);
  if (listed.status === "aborted" || work.signal.aborted) return { status: "abandoned" };
  if (listed.status === "failed") {
    return failure(work, { ...listed, code: "SOURCE_UNAVAILABLE" }, NO_ENGINE);
  }
  const { parts } = listed.value;
  return planned.value.division.result.kind === "package"
    ? mergePresentation(work, part, planned.value, parts)
    : mergeFile(work, part, planned.value, parts);
}

/** Not what all parts were accepted as: nothing another attempt would change, but others may see it right. */
function unfit(work: Work, detail: string): AttemptOutcome {
  return failure(work, { code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }, NO_ENGINE);
}

/** No media is read: the indexes say where every segment is. */
async function mergePresentation(
  work: Work,
  { plan: facts, chunks }: MergePart,
  { plan }: DividedPlan,
  parts: readonly PartFile[],
): Promise<AttemptOutcome> {
  const { presentation } = facts;
  if (presentation === null) return unfit(work, "The plan of the parts names no playlists.");
  const assembled = assemblePresentation({ ...facts, presentation }, parts, chunks.length);
  if (assembled.status === "incomplete") return unfit(work, "Not all parts are there.");
  if (assembled.status === "invalid") return unfit(work, assembled.detail);
  const texts = new Set(await writeTexts(work.workDir, presentation, assembled.presentation));
  const elsewhere = Object.fromEntries(parts.map((one) => [one.filename, one.sizeBytes]));
  const outputs = plan.outputs
    .filter(({ file }) => texts.has(file))
    .map((promise) => ({ ...promise, elsewhere }));
  const written = { plan: { ...plan, steps: [], outputs }, cuts: new Map() };
  return completed(await deliver(work, { ...written, engine: { ...NO_ENGINE, exitCode: 0 } }));
}

/** Heads and fragments are read through the loopback source as if they were one file, and copied into the output. */
async function mergeFile(
  work: Work,
  { plan: facts, chunks }: MergePart,
  { plan, division }: DividedPlan,
  parts: readonly PartFile[],
): Promise<AttemptOutcome> {
  const [name = ""] = facts.renditions;
  const files = chunksOf(parts, name);
  const joined = joinFiles(files);
  if (joined.status === "invalid") return unfit(work, joined.detail);
  const frames = chunks.reduce((sum, chunk) => sum + chunk.frames, 0);
  const [promise] = plan.outputs;
  const source = facts.sources[division.source];
  if (files.length !== chunks.length || joined.rendition.samples !== frames) {
    return unfit(work, `${frames} frames were promised; the parts have other.`);
  }
  if (promise === undefined || source === undefined) return unfit(work, "Nothing is promised.");
  const step = mergeStep(division, source, promise, frames);
  if (step === null) return unfit(work, "The parts do not become a file.");
  work.inputs.serve(JOINED_PICTURES, joinedUpstream(piecesOf(work, files, parts), "video/mp4"));
  const sound = parts.find(({ index }) => index.track === "sound");
  if (sound !== undefined) {
    work.inputs.serve(JOINED_SOUND, partInput(work, sound, contentTypeOf[promise.format]));
  }
  const video = promise.video === null ? null : { ...promise.video, frames };
  const copy: Plan = { ...plan, steps: [step], outputs: [{ ...promise, video }] };
  const ran = await planAndRun(work, () => copy);
  return ran.status === "ended" ? ran.outcome : completed(await deliver(work, ran.value));
}

/** The first file whole, and of each other all that follows its head. */
function piecesOf(
  work: Work,
  files: ReturnType<typeof chunksOf>,
  parts: readonly PartFile[],
): readonly Piece[] {
  const byName = new Map(parts.map((part) => [part.filename, part]));
  return files.flatMap(({ filename, index }, at) => {
    const part = byName.get(filename);
    if (part === undefined) return [];
    const offset = at === 0 ? 0 : index.headSize;
    const upstream = partInput(work, part, "video/mp4");
    return [{ upstream, offset, length: part.sizeBytes - offset }];
  });
}
