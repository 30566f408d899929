/** The tree of commands. Each is a file in `commands/`; this one only names them. */
import { Command, type Option } from "commander";
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
    .configureHelp({ optionDescription })
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
  program.commandsGroup("More:");
  addCompletion(program);
  addHelp(program);
  for (const command of program.commands) nameUnknownCommand(command);
  return program;
}

/** `telecine help COMMAND`; commander's own answers a word that is no command with the help of all. */
function addHelp(program: Command): void {
  program.helpCommand(false);
  program
    .command("help")
    .argument("[command]")
    .description("show the help of a command")
    .action((name: string | undefined) => {
      if (name === undefined) return program.help();
      const command = program.commands.find((each) => each.name() === name);
      if (command === undefined) return unknownCommand(program, name);
      return command.help();
    });
}

/** Refuses a word that is none of a group's commands, with what may have been meant; commander's types leave it out. */
function unknownCommand(group: Command, word: string): never {
  group.args = [word];
  return (group as unknown as { unknownCommand(): never }).unknownCommand();
}

/** As commander writes it, but for defaults that go without saying: a flag that is not given is off. */
function optionDescription(option: Option): string {
  const { description, defaultValue, defaultValueDescription } = option;
  const isPlain = ["string", "number"].includes(typeof defaultValue) || Array.isArray(defaultValue);
  const shown = defaultValueDescription ?? (isPlain ? String(defaultValue) : null);
  return shown === null ? description : `${description} (default: ${shown})`;
}

/** A group lists when it is given no command; a word that is none of its commands is not one argument too many of that. */
function nameUnknownCommand(group: Command): void {
  const list = group.commands.find((command) => command.name() === "list");
  list?.allowExcessArguments().hook("preAction", () => {
    const [word] = list.args;
    if (word === undefined) return;
    if (group.args[0] === "list") list.error(`error: '${group.name()} list' takes no '${word}'`);
    unknownCommand(group, word);
  });
}
