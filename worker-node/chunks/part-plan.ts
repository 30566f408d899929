/** The plan that a part is derived from: the whole's own, made again from the same probe. */
import type { Pins, PlanFacts } from "../../protocol/chunks/contract.ts";
import type { EncoderCapability, VideoCodec } from "../../protocol/media.ts";
import type { Divisible, Plan, Rejection } from "../../protocol/plan.ts";
import { unsupported } from "../../protocol/recipes/parts/rejections.ts";
import { askedOutputs, fail, NO_ENGINE, type Part, type Work } from "../attempt-parts.ts";

export interface DividedPlan {
  readonly plan: Plan;
  readonly division: Divisible;
}

type Made = { readonly status: "made"; readonly value: DividedPlan } | Rejection;

/** @param encoders what may encode; whoever only copies takes `anyEncoder`. */
export function makePlan(
  work: Work,
  facts: PlanFacts,
  encoders: readonly EncoderCapability[],
): Made {
  const { task } = work.assignment;
  const plan = work.plan(task.work, facts.sources, askedOutputs(task), encoders);
  if (plan.status === "rejected") return plan;
  const { division } = plan;
  const names = division?.renditions.map(({ name }) => name) ?? [];
  if (division === undefined || names.join() !== facts.renditions.join()) {
    return unsupported("it would make other renditions than the others.");
  }
  return { status: "made", value: { plan, division } };
}

/** As `makePlan`; a worker that cannot do a part leaves it to others. */
export function planPart(
  work: Work,
  facts: PlanFacts,
  encoders: readonly EncoderCapability[],
): Part<DividedPlan> {
  const made = makePlan(work, facts, encoders);
  if (made.status === "made") return { status: "ok", value: made.value };
  const detail = `This worker cannot do the part: ${made.detail}`;
  return fail(work, { code: "ENGINE_INVOCATION_ERROR", detail, retryable: true }, NO_ENGINE);
}

const software: readonly (readonly [VideoCodec, string])[] = [
  ["h264", "libx264"],
  ["hevc", "libx265"],
  ["av1", "libsvtav1"],
  ["vp9", "libvpx-vp9"],
];

/** For parts that encode no pictures: what the pictures are made with is no concern of theirs. */
export const anyEncoder: readonly EncoderCapability[] = software.map(([codec, encoder]) => ({
  encoder,
  codec,
  device: "cpu",
  bitDepths: [8, 10],
  maxSessions: null,
}));

/** Of the encoders at hand, those that the renditions are pinned to. */
export function pinnedEncoders(
  encoders: readonly EncoderCapability[],
  pins: Pins | null,
): readonly EncoderCapability[] {
  if (pins === null) return encoders;
  const names = new Set(Object.values(pins).map(({ encoder }) => encoder));
  return encoders.filter(({ encoder }) => names.has(encoder));
}
