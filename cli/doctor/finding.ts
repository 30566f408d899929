/** What the doctor found: a line each, with the remedy where something is wrong. Pure. */
import { plain } from "../table.ts";

export type Level = "ok" | "warn" | "fail";

export interface Finding {
  readonly level: Level;
  /** What was looked at. */
  readonly name: string;
  readonly text: string;
  /** Null where nothing is to be done. */
  readonly remedy: string | null;
}

export const ok = (name: string, text: string): Finding => ({
  level: "ok",
  name,
  text,
  remedy: null,
});
export const warn = (name: string, text: string, remedy: string): Finding => ({
  level: "warn",
  name,
  text,
  remedy,
});
export const fail = (name: string, text: string, remedy: string): Finding => ({
  level: "fail",
  name,
  text,
  remedy,
});

const LEVEL_WIDTH = 4;
const NAME_WIDTH = 12;

/** One finding; `dress` colours its level. */
export function findingText(
  { level, name, text, remedy }: Finding,
  dress: (level: Level, text: string) => string,
): string {
  const line = `${dress(level, level.padEnd(LEVEL_WIDTH))}  ${name.padEnd(NAME_WIDTH)}  ${plain(text)}\n`;
  const indent = " ".repeat(LEVEL_WIDTH + NAME_WIDTH + 4);
  return remedy === null ? line : `${line}${indent}→ ${plain(remedy)}\n`;
}

/** The last line. */
export function verdictText(findings: readonly Finding[]): string {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const fails = count("fail");
  const warns = count("warn");
  if (fails > 0) return `\n${fails} must be put right${warns > 0 ? `, ${warns} should be` : ""}.\n`;
  return warns > 0 ? `\nIt works; ${warns} could be better.\n` : "\nAll is well.\n";
}
