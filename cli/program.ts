/** The tree of commands. Each is a file in `commands/`; this one only names them. */
import { Command } from "commander";
import { addCompletion } from "./commands/completion.ts";
import { addDemo } from "./commands/demo.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addCancel, addJob, addJobs, addRetry } from "./commands/jobs.ts";
import { addKeys } from "./commands/keys.ts";
import { addPresets } from "./commands/presets.ts";
import { addStart } from "./commands/start.ts";
import { addTranscode } from "./commands/transcode.ts";
import { addUpload } from "./commands/upload.ts";
import { addWebhooks } from "./commands/webhooks.ts";
import { addWorker } from "./commands/worker.ts";
import { addWorkers } from "./commands/workers.ts";
import { environmentHelp } from "./environment.ts";
import { exitCodesHelp } from "./exit.ts";

/** Wrong use and help are thrown as commander's errors: what the process ends with is said in one place. */
export function buildProgram(about: { version: string; description: string }): Command {
  const program = new Command("telecine")
    .description(about.description)
    .version(about.version)
    .exitOverride()
    .showHelpAfterError("(add --help for what is allowed)")
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      `${environmentHelp}
${exitCodesHelp}

Examples:
  telecine start
  telecine transcode talk.mov --recipe webReady --out done/
  telecine jobs --state failed
  telecine doctor`,
    );
  program.commandsGroup("Run it:");
  addStart(program);
  addWorker(program);
  addDemo(program);
  addDoctor(program);
  program.commandsGroup("Use it:");
  addUpload(program);
  addTranscode(program);
  addJobs(program);
  addJob(program);
  addCancel(program);
  addRetry(program);
  addPresets(program);
  program.commandsGroup("Administer it:");
  addWorkers(program);
  addKeys(program);
  addWebhooks(program);
  addCompletion(program);
  return program;
}
