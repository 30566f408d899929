import { Argument, type Command } from "commander";
import { completionScript, type Shell, shells } from "../completion.ts";

/** `telecine completion SHELL`: the script that its shell is to read. */
export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "which one").choices(shells))
    .addHelpText(
      "after",
      `
Examples:
  source <(telecine completion bash)       # in ~/.bashrc
  source <(telecine completion zsh)        # in ~/.zshrc, after compinit
  telecine completion fish | source        # in config.fish`,
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program, shell));
    });
}
