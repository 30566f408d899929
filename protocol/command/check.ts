/**
 * The security check of a client's ffmpeg arguments (docs/SECURITY.md): made by the edge before a job is
 * accepted, and by the agent again before anything is run. Pure.
 */
import { analyse } from "./analyse.ts";
import type { Command, CommandRefusal } from "./model.ts";
import { type CommandKeys, parseCommand } from "./parse.ts";
import { writeCommand } from "./write.ts";

export type CommandCheck =
  | {
      readonly status: "ok";
      readonly command: Command;
      /** The command written out again: equal for equal commands. */
      readonly canonical: readonly string[];
    }
  | CommandRefusal;

/** Checks the arguments against the job's inputs and outputs, the placeholders they may use. */
export function checkCommand(args: readonly string[], keys: CommandKeys): CommandCheck {
  const parsed = parseCommand(args, keys);
  if (parsed.status === "refused") return parsed;
  const { command } = parsed;
  const analysis = analyse(args, command, null);
  if (analysis.status === "refused") return analysis;
  return { status: "ok", command, canonical: writeCommand(command) };
}
