/** `npm run bench`: runs the benches asked for, one after the other, and prints what they found. */
import { benchCounts } from "./counts/bench.ts";
import { benchDispatch } from "./dispatch/bench.ts";
import { benchFleet } from "./fleet/bench.ts";
import { benchLadder } from "./ladder/bench.ts";
import { benchLeases } from "./leases/bench.ts";
import { describeMachine, loadNow, machineLines } from "./machine.ts";
import { type BenchName, type BenchOptions, help, parseOptions } from "./options.ts";
import { benchRecovery } from "./recovery/bench.ts";
import type { Report } from "./report.ts";
import { openScope, type Scope } from "./scope.ts";
import { renderReports } from "./table.ts";
import { benchTranscode } from "./transcode/bench.ts";
import { benchUpload } from "./upload/bench.ts";

const EXIT_FAILED = 1;
const EXIT_WRONG_USE = 2;

const benches: Readonly<Record<BenchName, (scope: Scope, quick: boolean) => Promise<Report>>> = {
  transcode: benchTranscode,
  ladder: benchLadder,
  fleet: benchFleet,
  dispatch: benchDispatch,
  upload: benchUpload,
  leases: benchLeases,
  recovery: benchRecovery,
  counts: benchCounts,
};

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args);
  if (parsed.status === "help") {
    process.stdout.write(help);
    return 0;
  }
  if (parsed.status === "invalid") {
    process.stderr.write(`${parsed.problem}\nSee --help.\n`);
    return EXIT_WRONG_USE;
  }
  return runAll(parsed.options);
}

async function runAll({ benches: names, quick, json }: BenchOptions): Promise<number> {
  const machine = await describeMachine();
  if (!json) process.stdout.write(`${machineLines(machine).join("\n")}\n`);
  const reports: Report[] = [];
  let failed = false;
  for (const name of names) {
    const startedAt = performance.now();
    process.stderr.write(`${name} ...`);
    try {
      reports.push(await inScope((scope) => benches[name](scope, quick)));
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      process.stderr.write(` ${seconds} s, load average ${loadNow()}\n`);
    } catch (error) {
      failed = true;
      process.stderr.write(` failed: ${error instanceof Error ? error.stack : error}\n`);
    }
  }
  const text = json ? JSON.stringify({ machine, quick, reports }, null, 2) : renderReports(reports);
  process.stdout.write(`${text}\n`);
  return failed ? EXIT_FAILED : 0;
}

/** A signal ends the run as an error does: what was started is ended before this process is. */
async function inScope<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = openScope();
  const stopped = Promise.withResolvers<never>();
  const stop = (signal: NodeJS.Signals) => stopped.reject(new Error(`stopped by ${signal}`));
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    return await Promise.race([work(scope), stopped.promise]);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    // What goes wrong here must not hide why the bench failed.
    await scope.end().catch((error: unknown) => process.stderr.write(`${error}\n`));
  }
}

process.exitCode = await main(process.argv.slice(2));
