/** What an experiment measured, printed as one line, so that docs/RELIABILITY.md can be brought up to date. */
import { appendFileSync } from "node:fs";

export type Figures = Readonly<Record<string, number | string>>;

/** Prints an experiment's figures; with `TELECINE_FAULTS_REPORT` they are appended to that file as well. */
export function report(experiment: string, figures: Figures): void {
  const line = JSON.stringify({ experiment, ...figures });
  console.log(line);
  const file = process.env.TELECINE_FAULTS_REPORT;
  if (file) appendFileSync(file, `${line}\n`);
}

/** Median, 95th percentile and maximum of some milliseconds, as figures. */
export function spread(name: string, milliseconds: readonly number[]): Figures {
  if (milliseconds.length === 0) return {};
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { [`${name}_p50_ms`]: at(0.5), [`${name}_p95_ms`]: at(0.95), [`${name}_max_ms`]: at(1) };
}
