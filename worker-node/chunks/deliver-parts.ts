/** Files of a part go up, each reported with the index that playlists are written from. */
import type { RenditionIndex } from "../../protocol/chunks/contract.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { OutputReport } from "../../protocol/task.ts";
import type { Work } from "../attempt-parts.ts";
import { deliver } from "../deliver.ts";
import { runFfmpeg } from "../run-ffmpeg.ts";
import type { AttemptOutcome, EngineReport } from "../session-model.ts";

/** @param indexes by the name of a file, what is reported of it. */
export async function deliverParts(
  work: Work,
  plan: Plan,
  indexes: ReadonlyMap<string, RenditionIndex>,
  engine: EngineReport,
): Promise<AttemptOutcome> {
  const delivered = await deliver(work, plan, new Map(), engine, (step) => runFfmpeg(work, step));
  if (delivered.status === "ended") return delivered.outcome;
  const outputs = delivered.value.map((report): OutputReport => {
    const index = indexes.get(report.filename);
    return index === undefined ? report : { ...report, index };
  });
  return { status: "completed", outputs, engine };
}
