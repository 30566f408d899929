import { spawn } from "node:child_process";
import path from "node:path";
import type { Command } from "commander";
import { ROOT } from "../runtime/root.ts";

/** `telecine worker`: one agent. Its options are its own; `--help` is passed on, too. */
export function addWorker(program: Command): void {
  program
    .command("worker")
    .description("run one agent against an edge (telecine worker --help lists its options)")
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .argument("[options...]")
    .action(async (_options: unknown, _flags: unknown, command: Command) => {
      process.exitCode = await becomeAgent(command.args);
    });
}

/**
 * Becomes the agent where the system can replace a process (so that signals, even SIGKILL, reach the agent
 * itself); elsewhere runs it as a child and answers with its exit code.
 */
function becomeAgent(args: readonly string[]): Promise<number> {
  const argv = [path.join(ROOT, "worker-node/main.ts"), ...args];
  if (process.platform !== "win32" && typeof process.execve === "function") {
    process.removeAllListeners("warning");
    process.execve(process.execPath, [process.execPath, ...argv], process.env);
  }
  const agent = spawn(process.execPath, argv, { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    agent.once("error", reject);
    agent.once("exit", (code) => resolve(code ?? 1));
  });
}
