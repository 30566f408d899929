import { tmpdir } from "node:os";
import type { Command } from "commander";
import { tryDisk } from "../doctor/disk.ts";
import { examineEdge } from "../doctor/edge.ts";
import { type Finding, findingText, verdictText } from "../doctor/finding.ts";
import { judgeDisk } from "../doctor/judge.ts";
import { examineTools } from "../doctor/tools.ts";
import { exitCodes } from "../exit.ts";
import { coloured, type JsonOption, withJson } from "../print.ts";

interface DoctorOptions extends JsonOption {
  readonly data: string;
  readonly scratch: string;
}

const DEFAULT_MAX_FILE_SIZE_MB = 1000;
const BYTES_OF_MB = 1_000_000;

/** `telecine doctor`: everything that a client, an edge and an agent on this machine would need. */
export function addDoctor(program: Command): void {
  const command = program
    .command("doctor")
    .description("check ffmpeg, encoders, disks, the edge, credentials and the clock")
    .option("--data <dir>", "the data folder of telecine start", ".telecine")
    .option("--scratch <dir>", "the agent's scratch folder", tmpdir());
  withJson(command)
    .addHelpText(
      "after",
      `
Encoders are proved by encoding with them, which takes some seconds. Each line is ok, warn or fail; what is wrong
has its remedy below it. Exit code 1 where something failed.

Examples:
  telecine doctor
  TELECINE_URL=https://video.example.com TELECINE_WORKER_TOKEN=wkt_... telecine doctor --scratch /var/tmp/telecine
  telecine doctor --json | jq -r '.findings[] | select(.level == "fail") | .remedy'`,
    )
    .action(async (options: DoctorOptions) => {
      const findings = await examine(options);
      const isWell = findings.every(({ level }) => level !== "fail");
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ ok: isWell, findings }, null, 2)}\n`);
      } else {
        process.stdout.write(verdictText(findings));
      }
      if (!isWell) process.exitCode = exitCodes.failed;
    });
}

/** Each part is shown as soon as it is known. */
async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const parts = [
    examineTools(process.env),
    examineDisks(options, process.env.MAX_FILE_SIZE_MB),
    examineEdge(process.env),
  ];
  const findings: Finding[] = [];
  for (const part of parts) {
    for (const finding of await part) {
      findings.push(finding);
      if (!options.json) process.stdout.write(findingText(finding, coloured));
    }
  }
  return findings;
}

/** Scratch holds a source and its output; the data folder of a local edge keeps both. */
async function examineDisks(
  { scratch, data }: DoctorOptions,
  maxFileSizeMb: string | undefined,
): Promise<readonly Finding[]> {
  const wanted = 2 * BYTES_OF_MB * (Number(maxFileSizeMb) || DEFAULT_MAX_FILE_SIZE_MB);
  return [
    judgeDisk("scratch", scratch, await tryDisk(scratch), wanted, "--scratch"),
    judgeDisk("data", data, await tryDisk(data), wanted, "--data"),
  ];
}
