#!/usr/bin/env node
/** The `telecine` command. Each command is a file in `commands/`; this one only names them. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addDemo } from "./commands/demo.ts";
import { addStart } from "./commands/start.ts";
import { addTranscode } from "./commands/transcode.ts";
import { addWorker } from "./commands/worker.ts";
import { failureText } from "./failure.ts";

const { version, description } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string; description: string };

const program = new Command("telecine")
  .description(description)
  .version(version)
  .showHelpAfterError("(telecine --help lists the commands)")
  .showSuggestionAfterError();

addStart(program);
addWorker(program);
addDemo(program);
addTranscode(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${failureText(error)}\n`);
  process.exitCode = 1;
}
