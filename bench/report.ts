/** What a bench says: rows of a ratio each, and counts beside them. */
import { median, type Pair, type Ratio, ratioOf } from "./stats.ts";

/** What a ratio or a value is meant to be. */
export type Goal =
  | { readonly of: "ratio" | "value"; readonly atMost: number }
  | { readonly of: "ratio" | "value"; readonly atLeast: number };

export interface RatioRow {
  readonly kind: "ratio";
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly rival: number;
  /** What it is measured against. */
  readonly against: string;
  readonly ratio: Ratio;
  readonly pairs: number;
  readonly goal: Goal | null;
}

/** A bench that could not run here, and what is missing. */
export interface SkippedRow {
  readonly kind: "skipped";
  readonly what: string;
  readonly why: string;
}

export type Row = RatioRow | SkippedRow;

export interface Count {
  readonly what: string;
  readonly value: string;
}

export interface Report {
  readonly bench: string;
  readonly rows: readonly Row[];
  readonly counts: readonly Count[];
}

/** A row from pairs of measurements: medians of each side, and the median of the pairs' ratios. */
export function ratioRow(
  about: Pick<RatioRow, "what" | "unit" | "against"> & { readonly goal?: Goal },
  pairs: readonly Pair[],
): RatioRow {
  const { goal = null, ...rest } = about;
  return {
    kind: "ratio",
    ...rest,
    goal,
    ours: median(pairs.map((pair) => pair.ours)),
    rival: median(pairs.map((pair) => pair.rival)),
    ratio: ratioOf(pairs),
    pairs: pairs.length,
  };
}

/** Whether the goal is met; null where there is none. */
export function meetsGoal({ goal, ours, ratio }: RatioRow): boolean | null {
  if (goal === null) return null;
  const found = goal.of === "ratio" ? ratio.median : ours;
  return "atMost" in goal ? found <= goal.atMost : found >= goal.atLeast;
}
