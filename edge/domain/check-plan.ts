/** What the edge has against a plan, before it makes a thousand tasks of it. */
import { type ChunkPlan, MAX_PLAN_LENGTH } from "../../protocol/chunks/contract.ts";
import type { OutputFormat } from "../../protocol/media.ts";
import type { JobSubmission } from "./submission.ts";

/** Files whose pictures can be made apart and joined again without being touched. */
const divisible: ReadonlySet<OutputFormat> = new Set(["mp4", "mov", "webm", "hls"]);

/**
 * A reason to refuse the plan, or null. Pure; what zod has checked is not checked again.
 *
 * @param freeSlots slots beside the proposer's own that could run a part now. A presentation asks for none: it is
 *   divided to be played while it is made, by whoever comes.
 */
export function refusalOfPlan(
  submission: Pick<JobSubmission, "outputs" | "inputs">,
  plan: ChunkPlan,
  freeSlots: number,
): string | null {
  if (freeSlots === 0 && plan.presentation === null) return "not_wanted";
  if (JSON.stringify(plan).length > MAX_PLAN_LENGTH) return "invalid_plan: it is too large";
  const formats = Object.values(submission.outputs).map(({ format }) => format);
  const [format] = formats;
  if (format === undefined || formats.length > 1 || !divisible.has(format)) {
    return "invalid_plan: this output cannot be divided";
  }
  if ((format === "hls") !== (plan.presentation !== null)) {
    return "invalid_plan: the presentation is not what was asked for";
  }
  const unknown = Object.keys(plan.sources).find((key) => submission.inputs[key] === undefined);
  if (unknown !== undefined) return `invalid_plan: the job has no input '${unknown}'`;
  if (new Set(plan.renditions).size !== plan.renditions.length) {
    return "invalid_plan: a rendition is named twice";
  }
  return gapIn(plan);
}

/** Chunks must follow each other without a gap, or frames would be missing or made twice. */
function gapIn({ chunks }: ChunkPlan): string | null {
  for (const [at, { index, from, to }] of chunks.entries()) {
    if (index !== at) return `invalid_plan: chunk ${at} has the number ${index}`;
    if (from >= to) return `invalid_plan: chunk ${at} ends before it begins`;
    const next = chunks[at + 1];
    if (next !== undefined && next.from !== to) {
      return `invalid_plan: chunk ${at + 1} does not begin where chunk ${at} ends`;
    }
  }
  return null;
}
