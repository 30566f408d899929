#!/usr/bin/env node
/** The `telecine` command: reads what was typed, does it, and ends with what became of it. */
import { existsSync, readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { DEFAULT_URL } from "./environment.ts";
import { exitCodeOf, exitCodes } from "./exit.ts";
import { failureText } from "./failure.ts";
import { buildProgram } from "./program.ts";

const about = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
  description: string;
};

// `telecine jobs | head -1`: whoever reads may go; there is nobody left to tell.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  // The answer is lost: `telecine jobs >on-a-full-disk`.
  process.stderr.write(`${failureText(error)}\n`);
  process.exit(exitCodes.failed);
});

try {
  await buildProgram(about).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said it. A group without a subcommand shows its help, and was used wrongly.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.wrongUse;
    const word = /^error: unknown option '(.+)'/s.exec(error.message)?.[1];
    if (word !== undefined && existsSync(word)) {
      process.stderr.write(`The file of that name is given as ./${word}\n`);
    }
  } else {
    process.stderr.write(`${failureText(error, process.env.TELECINE_URL || DEFAULT_URL)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
