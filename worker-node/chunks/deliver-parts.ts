/** Files of a part go up, each reported with the index that playlists are written from. */
import type { RenditionIndex } from "../../protocol/chunks/contract.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { OutputReport } from "../../protocol/task.ts";
import type { Work } from "../attempt-parts.ts";
import { type CheckedOutputs, checkOutputs, deliverChecked } from "../deliver.ts";
import { runFfmpeg } from "../run-ffmpeg.ts";
import type { AttemptOutcome, EngineReport } from "../session-model.ts";

/** Of what was made of a part: by the name of a file, what is reported of it. */
export type Indexes = ReadonlyMap<string, RenditionIndex>;

/** Checks the files, and sends them up. */
export async function deliverParts(
  work: Work,
  plan: Plan,
  indexes: Indexes,
  engine: EngineReport,
): Promise<AttemptOutcome> {
  const checked = await checkOutputs(work, { plan, cuts: new Map(), engine });
  return checked.status === "ended"
    ? checked.outcome
    : deliverIndexed(work, checked.value, indexes);
}

/** Sends up files that were checked. */
export async function deliverIndexed(
  work: Work,
  checked: CheckedOutputs,
  indexes: Indexes,
): Promise<AttemptOutcome> {
  const { engine } = checked;
  const delivered = await deliverChecked(work, checked, (step) => runFfmpeg(work, step));
  if (delivered.status === "ended") return delivered.outcome;
  const outputs = delivered.value.map((report): OutputReport => {
    const index = indexes.get(report.filename);
    return index === undefined ? report : { ...report, index };
  });
  return { status: "completed", outputs, engine };
}
