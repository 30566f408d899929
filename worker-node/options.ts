/** What the agent is told on its command line and in its environment. Pure. */
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { MAX_NAME_LENGTH, MAX_SLOTS } from "../protocol/messages.ts";
import type { LogFormat } from "./log.ts";

export interface AgentOptions {
  readonly url: URL;
  readonly token: string;
  readonly name: string;
  /** Null: chosen when the encoders are known. */
  readonly slots: number | null;
  /** Null: a private directory in the system's temporary one. */
  readonly scratch: string | null;
  readonly logFormat: LogFormat;
  /** The agent ends when this process does. */
  readonly parentPid: number | null;
  /** The agent ends when its standard input does. */
  readonly exitWithStdin: boolean;
  readonly allowPrivateInputs: boolean;
  readonly maxInputBytes: number;
  readonly sandbox: SandboxMode;
  /** Resident memory of one ffmpeg, in bytes. Null: chosen by the machine's memory and the slots. */
  readonly maxMemoryBytes: number | null;
  /** What an attempt may write, in bytes; a task may be allowed less. Null: what the task is allowed. */
  readonly maxOutputBytes: number | null;
}

/** `auto`: as tight as this system allows; `require`: the agent does not run without; `off`: none. */
export type SandboxMode = "auto" | "require" | "off";

export type OptionsResult =
  | { readonly status: "ok"; readonly options: AgentOptions }
  | { readonly status: "help" }
  /** Each line names a thing, its rule and the remedy. */
  | { readonly status: "invalid"; readonly problems: readonly string[] };

export const help = `Usage: telecine worker --url URL --token TOKEN [options]

Leases work from a Telecine edge, runs ffmpeg, sends the outputs up. It dials out: no port has to be open.

  --url URL            the edge, e.g. https://video.example.com     (TELECINE_URL)
  --token TOKEN        the worker's token, wkt_...                  (TELECINE_WORKER_TOKEN; safer than the flag)
  --name NAME          what people call it; default: the host's name
  --slots N            encoder sessions at once, 1 to 256: a ladder takes one for each rendition;
                       default: 1, or the sessions that the GPUs proved, at most 8
  --scratch DIR        where attempts write; default: a private directory under the system's temporary one
  --sandbox MODE       auto, require or off; default: auto           (TELECINE_SANDBOX)
                       Whether ffmpeg runs in namespaces of its own; require ends the agent where it cannot (exit code 7)
  --max-memory-mb N    memory of one ffmpeg; default: 80 % of the machine's, shared by the slots, at least 1024
                       (TELECINE_MAX_MEMORY_MB)
  --max-output-mb N    what one attempt may write; default: what its task allows  (TELECINE_MAX_OUTPUT_MB)
  --log-format FORMAT  json or pretty; default: pretty on a terminal
  --parent-pid PID     end when that process does
  --exit-with-stdin    end when standard input does
  --print-tools        print what an agent here would offer, and end
  --help

SIGTERM or SIGINT drains: what is running is finished and nothing new taken. A second one aborts: ffmpeg is
killed, leases are given back, scratch is emptied. FFMPEG_PATH and FFPROBE_PATH name other binaries;
TELECINE_CACHE_DIR says where proofs of encoders are kept (default: telecine in the user's cache). MAX_FILE_SIZE_MB is
the largest source that is fetched from a URL (default: 1000); for development, ALLOW_PRIVATE_INPUTS=true lets such a
URL be this machine's.

Exit codes: 0 drained, 1 failed, 2 wrong use, 3 token refused, 4 protocol version refused (update the agent),
5 another agent uses the token, 6 no usable ffmpeg, 7 no sandbox though it is required, 130 aborted.
`;

const DEFAULT_MAX_FILE_SIZE_MB = 1000;
/** A 1080p encode takes a quarter of it. */
const MIN_MEMORY_MB = 256;

/**
 * Reads flags and environment; a flag wins.
 *
 * @param isTerminal whether standard output is one.
 */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): OptionsResult {
  const flags = parseFlags(args);
  if (flags.status !== "ok") return flags;
  const { values } = flags;
  if (values.help === true) return { status: "help" };

  const problems: string[] = [];
  const report = (problem: string) => {
    problems.push(problem);
    return null;
  };
  const url = readUrl(values.url ?? env.TELECINE_URL, report);
  const token = readToken(values.token ?? env.TELECINE_WORKER_TOKEN, report);
  const slots = readWhole("--slots", values.slots, 1, MAX_SLOTS, report);
  const parentPid = readWhole("--parent-pid", values["parent-pid"], 1, 2 ** 31, report);
  const logFormat = readLogFormat(values["log-format"], isTerminal, report);
  const maxMb = readWhole(
    "MAX_FILE_SIZE_MB",
    env.MAX_FILE_SIZE_MB || undefined,
    1,
    900_000,
    report,
  );
  const name = readName(values.name, report);
  const sandbox = readSandbox(values.sandbox ?? (env.TELECINE_SANDBOX || undefined), report);
  const limit = (flag: "max-memory-mb" | "max-output-mb", variable: string, min: number) =>
    readWhole(`--${flag}`, values[flag] ?? (env[variable] || undefined), min, 16_000_000, report);
  const maxMemoryMb = limit("max-memory-mb", "TELECINE_MAX_MEMORY_MB", MIN_MEMORY_MB);
  const maxOutputMb = limit("max-output-mb", "TELECINE_MAX_OUTPUT_MB", 1);
  if (
    problems.length > 0 ||
    url === null ||
    token === null ||
    name === null ||
    logFormat === null ||
    sandbox === null
  ) {
    return { status: "invalid", problems };
  }
  return {
    status: "ok",
    options: {
      url,
      token,
      name,
      slots,
      scratch: values.scratch ?? null,
      logFormat,
      parentPid,
      exitWithStdin: values["exit-with-stdin"] === true,
      allowPrivateInputs: env.ALLOW_PRIVATE_INPUTS === "true",
      maxInputBytes: (maxMb ?? DEFAULT_MAX_FILE_SIZE_MB) * 1_000_000,
      sandbox,
      maxMemoryBytes: maxMemoryMb === null ? null : maxMemoryMb * 1024 ** 2,
      maxOutputBytes: maxOutputMb === null ? null : maxOutputMb * 1_000_000,
    },
  };
}

type Report = (problem: string) => null;

function parseFlags(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        url: { type: "string" },
        token: { type: "string" },
        name: { type: "string" },
        slots: { type: "string" },
        scratch: { type: "string" },
        sandbox: { type: "string" },
        "max-memory-mb": { type: "string" },
        "max-output-mb": { type: "string" },
        "log-format": { type: "string" },
        "parent-pid": { type: "string" },
        "exit-with-stdin": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    return { status: "ok" as const, values };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { status: "invalid" as const, problems: [problem] };
  }
}

function readUrl(text: string | undefined, report: Report): URL | null {
  if (!text) return report("--url is missing: give the edge's address, or set TELECINE_URL.");
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return report(
      `--url '${text}' is not an http:// or https:// address: give one like https://video.example.com.`,
    );
  }
  return url;
}

function readToken(text: string | undefined, report: Report): string | null {
  if (!text) {
    return report(
      "--token is missing: set TELECINE_WORKER_TOKEN, or make a token with POST /v1/workers/tokens.",
    );
  }
  // The token itself is not repeated: this goes to logs.
  return /^wkt_[A-Za-z0-9_.-]+$/.test(text)
    ? text
    : report("--token must be a worker's token, which begins with 'wkt_'; an API key is none.");
}

function readWhole(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
  report: Report,
): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  return /^\d+$/.test(text) && value >= min && value <= max
    ? value
    : report(`${name} must be a whole number from ${min} to ${max}, not '${text}'.`);
}

function readLogFormat(
  text: string | undefined,
  isTerminal: boolean,
  report: Report,
): LogFormat | null {
  if (text === undefined) return isTerminal ? "pretty" : "json";
  return text === "json" || text === "pretty"
    ? text
    : report(`--log-format must be json or pretty, not '${text}'.`);
}

function readSandbox(text: string | undefined, report: Report): SandboxMode | null {
  if (text === undefined) return "auto";
  return text === "auto" || text === "require" || text === "off"
    ? text
    : report(`--sandbox must be auto, require or off, not '${text}'.`);
}

function readName(text: string | undefined, report: Report): string | null {
  const name = (text ?? hostname()).trim() || "worker";
  return name.length <= MAX_NAME_LENGTH
    ? name
    : report(`--name must be at most ${MAX_NAME_LENGTH} characters, not ${name.length}.`);
}
