/** The order of several inputs: that of their keys, numbers in them read as numbers. */
import type { SourceInfo } from "../../media.ts";

/** `in_2` stands before `in_10`. */
function byKey(a: string, b: string): number {
  const byNumbers = a.localeCompare(b, "en", { numeric: true });
  if (byNumbers !== 0) return byNumbers;
  return a < b ? -1 : 1;
}

export function inOrder(
  sources: Readonly<Record<string, SourceInfo>>,
): readonly (readonly [key: string, source: SourceInfo])[] {
  return Object.entries(sources).sort(([a], [b]) => byKey(a, b));
}
