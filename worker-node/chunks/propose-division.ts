/** Whether the work of an attempt is divided: by what the fleet was like, what the frames say, and the edge. */
import { MAX_PLAN_LENGTH } from "../../protocol/chunks/contract.ts";
import { divide, mayDivide } from "../../protocol/chunks/divide.ts";
import { roomFor } from "../../protocol/chunks/room.ts";
import type { SourceInfo } from "../../protocol/media.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { Work } from "../attempt-parts.ts";
import { indexBytes } from "../ffmpeg/index.ts";

/** Returns when the work stays whole, or the attempt is to stop because it was divided. */
export async function proposeDivision(
  work: Work,
  plan: Plan,
  sources: Readonly<Record<string, SourceInfo>>,
): Promise<void> {
  const { task } = work.assignment;
  const { division } = plan;
  if (task.fleet === undefined) return;
  const stays = (reason: string) => work.log("info", `not divided: ${reason}`);
  if (division === undefined) return stays("what is asked for does not divide");
  // Against the source: parts know their own frames alone.
  if (task.quality === true) return stays("its quality is measured over the whole");
  const source = sources[division.source];
  if (source === undefined) return;
  const bytes = indexBytes(source);
  const seconds = source.video?.durationSeconds ?? source.durationSeconds ?? 0;
  const freeSlots = roomFor(task.fleet, division, work.cores, seconds);
  const refusal = mayDivide(plan, sources, freeSlots, bytes);
  if (refusal !== null) return stays(refusal);
  const { url, sizeBytes } = work.inputs.get(division.source);
  const listed = await work.engine.index({ url, sizeBytes, source, signal: work.signal });
  if (work.signal.aborted) return;
  if (listed.status === "unknown") return stays(listed.reason);
  const { index } = listed;
  const divided = divide({ division, sources, index, freeSlots, indexBytes: bytes });
  if (divided.status === "whole") return stays(divided.reason);
  if (JSON.stringify(divided.plan).length > MAX_PLAN_LENGTH) return stays("its plan is too long");
  work.log("info", `divides into ${divided.plan.chunks.length} chunks`);
  await work.propose(divided.plan);
}
