/** Structured logs: one JSON object a line, or one readable line on a terminal. Secrets never pass. */
import { redact } from "./redact.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "json" | "pretty";

/** What a line is about: `jobId`, `taskId`, `epoch` and the like. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  (level: LogLevel, message: string, fields?: LogFields): void;
  /** The same log with fields on every line. */
  with(fields: LogFields): Log;
}

/**
 * A log over a line writer.
 *
 * @param write takes a line without its newline.
 * @param now milliseconds since the epoch, for the line's time.
 */
export function createLog(
  format: LogFormat,
  write: (line: string) => void,
  now: () => number = Date.now,
): Log {
  const render = format === "json" ? jsonLine : prettyLine;
  const make = (inherited: LogFields): Log => {
    const log = (level: LogLevel, message: string, fields: LogFields = {}) =>
      write(redact(render(new Date(now()), level, message, { ...inherited, ...fields })));
    return Object.assign(log, { with: (more: LogFields) => make({ ...inherited, ...more }) });
  };
  return make({});
}

function jsonLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...fields });
}

function prettyLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value}`)
    .join("");
  const mark = level === "info" ? "" : `${level}: `;
  return `${time.toISOString().slice(11, 19)} ${mark}${message}${shown}`;
}
