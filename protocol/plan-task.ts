/** The plan of a task with all its outputs. */
import { planCommand } from "./command/plan.ts";
import type { EncoderCapability, SourceInfo } from "./media.ts";
import type { PlanResult } from "./plan.ts";
import type { PlannedOutput } from "./recipes/define.ts";
import { planWork } from "./recipes/index.ts";
import type { Work } from "./task.ts";

/**
 * A recipe makes one output, a command as many as it was given. Pure.
 *
 * @param outputs at least one.
 * @throws RangeError when there is none.
 */
export function planTask(
  work: Work,
  sources: Readonly<Record<string, SourceInfo>>,
  outputs: readonly PlannedOutput[],
  encoders: readonly EncoderCapability[],
): PlanResult {
  if (work.mode === "ffmpeg") return planCommand(work.args, sources, outputs, encoders);
  const [output] = outputs;
  if (output === undefined) throw new RangeError("The task has no output.");
  return planWork(work, sources, output, encoders);
}
