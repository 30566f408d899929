/** What an attempt does between its scratch directory and its outcome: probe, plan, run, check, deliver. */
import type { EncoderCapability, SourceInfo } from "../protocol/media.ts";
import type { Plan } from "../protocol/plan.ts";
import {
  ABANDONED,
  askedOutputs,
  ended,
  fail,
  NO_ENGINE,
  type Part,
  type Work,
} from "./attempt-parts.ts";
import { performPart } from "./chunks/perform-part.ts";
import { proposeDivision } from "./chunks/propose-division.ts";
import { completed, type Delivered, deliver } from "./deliver.ts";
import { metadataOf } from "./ffmpeg/source-info.ts";
import { planRunAndDeliver, refusalOf } from "./plan-and-run.ts";
import type { AttemptOutcome } from "./session-model.ts";

/** The story of an attempt. A stopped one settles as abandoned, from wherever it is. */
export async function performAttempt(work: Work): Promise<AttemptOutcome> {
  work.tracker.enter("probing");
  const opened = await openInputs(work);
  if (opened.status === "ended") return opened.outcome;
  const { part } = work.assignment.task;
  if (part !== undefined) return performPart(work, part);
  const sources = await probeInputs(work);
  if (sources.status === "ended") return sources.outcome;
  return completed(await askedPlan(work, sources.value));
}

async function openInputs(work: Work): Promise<Part<null>> {
  const opened = await work.inputs.open(work.assignment.task.inputs);
  if (opened.status === "aborted") return ABANDONED;
  if (opened.status === "no_disk") return ended({ status: "released", reason: "no_disk" });
  if (opened.status === "failed") {
    return fail(work, { ...opened, code: "SOURCE_UNAVAILABLE" }, NO_ENGINE);
  }
  return { status: "ok", value: null };
}

async function probeInputs(work: Work): Promise<Part<Readonly<Record<string, SourceInfo>>>> {
  const { task } = work.assignment;
  const forPassthrough = task.work.mode === "recipe" && task.work.recipe.name === "webReady";
  const sources: Record<string, SourceInfo> = {};
  for (const [key, input] of work.inputs.entries()) {
    const { url, sizeBytes } = input;
    const probed = await work.engine.probe({ url, sizeBytes, signal: work.signal, forPassthrough });
    if (work.signal.aborted) return ABANDONED;
    if (probed.status === "failed") return fail(work, probed, NO_ENGINE);
    sources[key] = probed.source;
  }
  const [first] = Object.values(sources);
  if (first !== undefined) work.tracker.found(metadataOf(first));
  return { status: "ok", value: sources };
}

async function askedPlan(
  work: Work,
  sources: Readonly<Record<string, SourceInfo>>,
): Promise<Part<Delivered>> {
  const { task } = work.assignment;
  const outputs = askedOutputs(task);
  const make = (encoders: readonly EncoderCapability[]) =>
    work.plan(task.work, sources, outputs, encoders);
  work.tracker.enter("planning");
  // Asked once: an attempt that has begun with the whole goes on with it.
  const first = make(work.devices.encoders());
  if (first.status === "planned") await proposeDivision(work, first, sources);
  if (work.signal.aborted) return ABANDONED;
  const isCopy = first.status === "planned" && copying.has(first.action);
  const made = await planRunAndDeliver(work, make, (ran, order) =>
    // What is refused of a copy is made again under the same names.
    deliver(work, ran, isCopy ? "checked_first" : order),
  );
  const refusal = made.status === "ended" && isCopy ? refusalOf(made.outcome) : null;
  return refusal === null ? made : encodeInstead(work, sources, refusal);
}

/** Plans that hand streams on as they are. */
const copying: ReadonlySet<Plan["action"]> = new Set(["passthrough", "remux", "join"]);

/**
 * A decoder gets over damage that would be damage in a copy of it, too: of a recording that was cut between key frames, of
 * a broken transmission. The plan is made again, as of a source that cannot be copied.
 */
function encodeInstead(
  work: Work,
  sources: Readonly<Record<string, SourceInfo>>,
  refusal: string,
): Promise<Part<Delivered>> {
  const { task } = work.assignment;
  work.log("warn", `a copy was refused, so it is encoded: ${refusal}`);
  const encoded = Object.fromEntries(
    Object.entries(sources).map(([key, source]) => [key, { ...source, copies: false as const }]),
  );
  return planRunAndDeliver(
    work,
    (encoders) => work.plan(task.work, encoded, askedOutputs(task), encoders),
    (ran) => deliver(work, ran, "checked_first"),
    [`a copy was refused (${refusal}); encoded instead`],
  );
}
