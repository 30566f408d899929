import path from "node:path";
import type { Command } from "commander";
import { stopSignal } from "../runtime/stop-signal.ts";
import { wholeNumber } from "./options.ts";

interface StartOptions {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly workers: number;
}

/** `telecine start`: the edge and its local workers, until a signal. */
export function addStart(program: Command): void {
  program
    .command("start")
    .description("run the edge in the embedded runtime, with local workers")
    .option(
      "--port <n>",
      "port to listen on; 0 takes a free one",
      wholeNumber("--port", 0, 65_535),
      8787,
    )
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--data <dir>", "folder for all data", ".telecine")
    .option(
      "--workers <n>",
      "local workers; 0 runs the edge alone",
      wholeNumber("--workers", 0, 64),
      1,
    )
    .addHelpText(
      "after",
      `
It runs until Ctrl-C; use it from another terminal. The root key is in root-key in the data folder. Settings, such as
MAX_FILE_SIZE_MB, come from the environment: the README lists them.

Examples:
  telecine start
  telecine start --port 9000 --data /srv/telecine --workers 2
  ALLOW_INSECURE_WEBHOOKS=true telecine start      # webhooks to this machine, for development`,
    )
    .action(async (options: StartOptions) => {
      const stopped = stopSignal(process.env);
      // The runtime is large: other commands do without it.
      const { startHost } = await import("../runtime/host.ts");
      const host = await startHost({
        ...options,
        environment: process.env,
        onEdgeLog: (line) => process.stderr.write(`edge     ${line}\n`),
        onWorkerLine: (name, line) => process.stderr.write(`${name.padEnd(8)} ${line}\n`),
      });
      if (host.rootKeyFile) {
        process.stdout.write(`The root API key is in ${path.resolve(host.rootKeyFile)}\n`);
      }
      process.stdout.write(`Telecine is ready at ${host.url}\n`);
      const reason = await stopped;
      process.stderr.write(`${reason}: stopping\n`);
      await host.stop();
    });
}
