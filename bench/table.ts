/** Reports as text for a terminal. Pure. */
import {
  type Count,
  type Goal,
  meetsGoal,
  type RatioRow,
  type Report,
  type Row,
} from "./report.ts";

const HEAD = ["what", "Telecine", "rival", "ratio (least to greatest)", "pairs", "goal", ""];

/** The table of all ratios, then each bench's counts. */
export function renderReports(reports: readonly Report[]): string {
  const rows = reports.flatMap((report) => report.rows);
  const measured = rows.filter((row): row is RatioRow => row.kind === "ratio");
  const lines = renderColumns([HEAD, ...measured.map(cellsOf)]);
  const skipped = rows.flatMap((row) => skippedLine(row));
  const counts = reports.flatMap(countLines);
  return [...(measured.length > 0 ? lines : []), ...skipped, ...counts].join("\n");
}

/** Three significant digits, and no exponent. */
export function figure(value: number): string {
  if (value === 0) return "0";
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, digits)));
}

function cellsOf(row: RatioRow): readonly string[] {
  const { what, unit, ours, rival, against, ratio, pairs, goal } = row;
  const met = meetsGoal(row);
  return [
    what,
    `${figure(ours)} ${unit}`,
    `${figure(rival)} ${unit} (${against})`,
    `${figure(ratio.median)} (${figure(ratio.least)} to ${figure(ratio.greatest)})`,
    String(pairs),
    goal === null ? "-" : goalText(goal, unit),
    met === null ? "" : met ? "met" : "MISSED",
  ];
}

function goalText(goal: Goal, unit: string): string {
  const limit = "atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
  return goal.of === "ratio" ? limit : `${limit} ${unit}`;
}

function skippedLine(row: Row): string[] {
  return row.kind === "skipped" ? [`SKIPPED  ${row.what}: ${row.why}`] : [];
}

function countLines({ bench, counts }: Report): string[] {
  if (counts.length === 0) return [];
  const lines = renderColumns(counts.map(({ what, value }: Count) => [`  ${what}`, value]));
  return ["", `${bench}:`, ...lines];
}

function renderColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
