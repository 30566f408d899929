/** What `npm run bench -- ...` is told. Pure. */
import { parseArgs } from "node:util";

export const benchNames = [
  "transcode",
  "ladder",
  "fleet",
  "dispatch",
  "upload",
  "leases",
  "recovery",
  "counts",
] as const;
export type BenchName = (typeof benchNames)[number];

export interface BenchOptions {
  readonly benches: readonly BenchName[];
  /** Fewer pairs: to see that it runs, not to quote. */
  readonly quick: boolean;
  readonly json: boolean;
}

export type OptionsResult =
  | { readonly status: "ok"; readonly options: BenchOptions }
  | { readonly status: "help" }
  | { readonly status: "invalid"; readonly problem: string };

export const help = `Usage: npm run bench [-- NAME...] [--quick] [--json]

Measures Telecine against something real in the same run, pair by pair, and prints ratios and counts.

  transcode   submit to completed, wall and CPU, against plain ffmpeg making the same file
  ladder      three rungs of HLS by the agent's path, against plain ffmpeg rung by rung, and all in one run
  fleet       one video by two agents of a core each, against one of them, plain ffmpeg, and a kill -9
  dispatch    submit to started, against BullMQ on a Redis that the bench starts
  upload      MB/s through the edge, against the same bytes written to the store's S3 API
  leases      lease cycles through one pool, against the raw socket echo of the same runtime
  recovery    a job whose agent is killed with SIGKILL half-way, against the same job left alone
  counts      what one job costs in messages, rows, requests and operations, and in money

  --quick     fewer pairs
  --json      one JSON document instead of the table
`;

/** Reads the arguments; without a name every bench runs. */
export function parseOptions(args: readonly string[]): OptionsResult {
  const flags = parseFlags(args);
  if (flags.status === "invalid") return flags;
  const { values, positionals } = flags;
  if (values.help) return { status: "help" };
  const unknown = positionals.find((name) => !isBenchName(name));
  if (unknown !== undefined) {
    return {
      status: "invalid",
      problem: `No bench is called '${unknown}': ${benchNames.join(", ")}.`,
    };
  }
  const named = benchNames.filter((name) => positionals.includes(name));
  return {
    status: "ok",
    options: {
      benches: named.length > 0 ? named : benchNames,
      quick: values.quick,
      json: values.json,
    },
  };
}

function isBenchName(name: string): name is BenchName {
  return (benchNames as readonly string[]).includes(name);
}

function parseFlags(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    return { status: "ok" as const, values, positionals };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { status: "invalid" as const, problem };
  }
}
