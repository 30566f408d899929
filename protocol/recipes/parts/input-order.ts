/** The order of several inputs: that of their keys, numbers in them read as numbers. */
/** `in_2` stands before `in_10`. */
function byKey(a: string, b: string): number {
  const byNumbers = a.localeCompare(b, "en", { numeric: true });
  if (byNumbers !== 0) return byNumbers;
  return a < b ? -1 : 1;
}

export function inOrder<Source>(
  sources: Readonly<Record<string, Source>>,
): readonly (readonly [key: string, source: Source])[] {
  return Object.entries(sources).sort(([a], [b]) => byKey(a, b));
}
