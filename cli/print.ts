/** How a command answers: JSON for programs, text for people; always on stdout, and nothing else there. */
import { styleText } from "node:util";
import type { Command } from "commander";
import type { Paint } from "./table.ts";

export interface JsonOption {
  readonly json: boolean;
}

/** Gives a command `--json`. */
export function withJson(command: Command): Command {
  return command.option("--json", "answer in JSON on stdout; progress stays on stderr", false);
}

/** Prints an answer. */
export function print({ json }: JsonOption, value: unknown, text: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : text());
}

type Colour = "green" | "red" | "yellow" | "cyan" | "dim";

const colours: Readonly<Record<string, Colour>> = {
  completed: "green",
  delivered: "green",
  connected: "green",
  enabled: "green",
  ok: "green",
  failed: "red",
  rejected: "red",
  fail: "red",
  disabled: "red",
  cancelled: "yellow",
  draining: "yellow",
  warn: "yellow",
  queued: "cyan",
  pending: "cyan",
  disconnected: "dim",
};

/** The state's colour, where stdout is a terminal and NO_COLOR is not set. */
export function coloured(state: string, text: string): string {
  const colour = colours[state];
  return colour === undefined ? text : styleText(colour, text, { stream: process.stdout });
}

/** Colours the column STATE. */
export const paintState: Paint = (heading, text, padded) =>
  heading === "STATE" ? coloured(text, padded) : padded;
