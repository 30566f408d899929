#!/usr/bin/env node
/** The agent's entry: options, ffmpeg, encoders, scratch, and then the edge until it ends. Wiring only. */
import { availableParallelism, totalmem } from "node:os";
import { type Capabilities, CHUNKS_FEATURE, type EncoderCapability } from "../protocol/media.ts";
import { planTask } from "../protocol/plan-task.ts";
import { startAgent } from "./agent.ts";
import { createDevices, type Devices } from "./devices.ts";
import { ffmpegEngine } from "./engine.ts";
import { createFetchGuard } from "./fetch-guard.ts";
import {
  cacheDir,
  defaultMemoryBytes,
  type KeptProofs,
  keptProofs,
  machineFacts,
  proveDevice,
  resolveTools,
  type Tools,
  ToolsNotFoundError,
} from "./ffmpeg/index.ts";
import { createDispatcher, describeError } from "./http.ts";
import { watchLifecycle } from "./lifecycle.ts";
import { createLog, type Log } from "./log.ts";
import { type AgentOptions, help, parseOptions } from "./options.ts";
import { sandboxHere } from "./sandbox/here.ts";
import { holdNamespaces } from "./sandbox/holder.ts";
import { openSandbox, type Sandbox } from "./sandbox/index.ts";
import { HOLD_FLAG } from "./sandbox/namespaces.ts";
import { defaultScratchRoot, openScratch, ScratchError } from "./scratch.ts";
import type { ExitReason } from "./session-model.ts";
import { startSourceServer } from "./source/server.ts";
import { logProofs, logSandbox, warnOfPlainHttp } from "./start-log.ts";
import { toolsTable } from "./tools-table.ts";

const exitCodes: Record<ExitReason, number> = {
  drained: 0,
  unauthorized: 3,
  unsupported_version: 4,
  replaced: 5,
  aborted: 130,
};
const EXIT_FAILED = 1;
const EXIT_WRONG_USE = 2;
const EXIT_NO_FFMPEG = 6;
const EXIT_NO_SANDBOX = 7;

/** Sessions on devices beyond this gain nothing on one machine's disk and network. */
const MAX_DEFAULT_SLOTS = 8;
/** After an end that was decided, nothing may keep the process for longer. */
const LAST_WORD_MS = 3_000;

/** Runs an agent to its end. @returns the process's exit code. */
async function main(): Promise<number> {
  if (process.argv[2] === HOLD_FLAG) return holdNamespaces();
  if (process.argv.slice(2).includes("--print-tools")) return printTools();
  const parsed = parseOptions(process.argv.slice(2), process.env, process.stdout.isTTY === true);
  if (parsed.status === "help") {
    process.stdout.write(help);
    return 0;
  }
  if (parsed.status === "invalid") {
    for (const problem of parsed.problems) process.stderr.write(`${problem}\n`);
    process.stderr.write("See --help.\n");
    return EXIT_WRONG_USE;
  }
  // Whoever read the lines may have gone: that is no reason to lose work.
  process.stdout.on("error", () => {});
  const { options } = parsed;
  const log = createLog(options.logFormat, (line) => process.stdout.write(`${line}\n`));
  try {
    return await runAgent(options, log.with({ worker: options.name }));
  } catch (error) {
    if (error instanceof ScratchError || error instanceof ToolsNotFoundError) {
      log("error", error.message);
      return error instanceof ScratchError ? EXIT_WRONG_USE : EXIT_NO_FFMPEG;
    }
    throw error;
  }
}

/** What an agent here would offer, for the box's owner; needs no edge. */
async function printTools(): Promise<number> {
  try {
    const tools = await resolveTools(process.env);
    const { level, why } = await sandboxHere(tools);
    const { capabilities, refusals, provedAt } = await findProofs(
      tools,
      new AbortController().signal,
    );
    process.stdout.write(
      `ffmpeg ${tools.version}  ${tools.ffmpeg}\nffprobe  ${tools.ffprobe}\n` +
        `sandbox  ${level}${why === null ? "" : ` (${why})`}\n` +
        `${provedAt === null ? "proved now" : `proved ${new Date(provedAt).toISOString()}`}; kept in ${cacheDir()}\n\n` +
        toolsTable(capabilities, refusals) +
        `\nSlots unless --slots says otherwise: ${defaultSlots(capabilities)}\n`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof ToolsNotFoundError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_NO_FFMPEG;
  }
}

async function findProofs(tools: Tools, signal: AbortSignal): Promise<KeptProofs> {
  const facts = await machineFacts();
  return keptProofs(tools, signal, { dir: cacheDir(), facts, now: Date.now() });
}

async function runAgent(options: AgentOptions, log: Log): Promise<number> {
  warnOfPlainHttp(options, log);
  // Until there is an agent, either signal just ends the start.
  const starting = new AbortController();
  let drain = () => starting.abort("drained" satisfies ExitReason);
  let abort = () => starting.abort("aborted" satisfies ExitReason);
  const stopWatching = watchLifecycle({
    ...options,
    onDrain: (why) => {
      log("info", `draining: ${why}; once more aborts`);
      drain();
    },
    onAbort: (why) => {
      log("warn", `aborting: ${why}`);
      abort();
    },
  });

  const tools = await resolveTools(process.env);
  const scratch = await openScratch(options.scratch ?? defaultScratchRoot(options.name));
  if (scratch.orphansRemoved > 0) {
    log("info", "removed scratch of agents that are no more", { count: scratch.orphansRemoved });
  }
  const server = await startSourceServer();
  const guard = createFetchGuard({ allowLoopback: options.allowPrivateInputs });
  const dispatcher = createDispatcher();
  let sandbox: Sandbox | null = null;
  let devices: Devices | null = null;
  try {
    const { signal } = starting;
    sandbox = await until(signal, () =>
      openSandbox({ mode: options.sandbox, tools, scratch: scratch.path, server, signal }),
    );
    if (sandbox === null) return exitCodes[endOf(signal)];
    logSandbox(sandbox, options, log);
    if (options.sandbox === "require" && sandbox.level === "none") return EXIT_NO_SANDBOX;
    const confined = sandbox.tools;
    const proofs = await until(signal, () => findProofs(confined, signal));
    if (proofs === null) return exitCodes[endOf(signal)];
    const { capabilities } = proofs;
    logProofs(proofs, log);
    devices = devicesOf(capabilities.encoders, confined, log);
    const slots = options.slots ?? defaultSlots(capabilities);
    const agent = startAgent({
      engine: ffmpegEngine(withMemoryLimit(confined, options, slots)),
      devices,
      cores: availableParallelism(),
      plan: planTask,
      server,
      guard,
      dispatcher,
      edgeUrl: options.url,
      scratch,
      maxInputBytes: options.maxInputBytes,
      maxOutputBytes: options.maxOutputBytes,
      token: options.token,
      name: options.name,
      slots,
      capabilities: withFeatures(capabilities, tools),
      log,
    });
    drain = agent.drain;
    abort = agent.abort;
    const reason = await agent.exited;
    log(reason === "drained" ? "info" : "warn", `the agent ends: ${endings[reason]}`);
    return exitCodes[reason];
  } finally {
    stopWatching();
    devices?.close();
    sandbox?.close();
    await Promise.allSettled([server.close(), guard.close(), dispatcher.destroy()]);
    await scratch.remove();
  }
}

/** What the work gives; null when the signal came first. */
async function until<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | null> {
  try {
    const result = await work();
    return signal.aborted ? null : result;
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/** Devices that failed are proved again after their rest; a proof under way ends with the agent. */
function devicesOf(encoders: readonly EncoderCapability[], tools: Tools, log: Log): Devices {
  const ending = new AbortController();
  const devices = createDevices(encoders, {
    log,
    prove: async (device) => {
      const facts = await machineFacts();
      return proveDevice(tools, facts.devices, device, ending.signal);
    },
  });
  return {
    ...devices,
    close: () => {
      devices.close();
      ending.abort();
    },
  };
}

/** Parts must join to the tick, which was tried with ffmpeg 5.1 and later alone. */
function withFeatures(capabilities: Capabilities, { features }: Tools): Capabilities {
  return features.fpsMode ? { ...capabilities, features: [CHUNKS_FEATURE] } : capabilities;
}

function endOf(signal: AbortSignal): ExitReason {
  return signal.reason === "aborted" ? "aborted" : "drained";
}

const endings: Record<ExitReason, string> = {
  drained: "drained",
  aborted: "aborted",
  unauthorized:
    "the edge refused the token: it is unknown, expired or revoked; make a new one with POST /v1/workers/tokens",
  unsupported_version: "the edge does not speak this agent's protocol version: update the agent",
  replaced: "another agent connected with the same token: give each agent its own",
};

function defaultSlots({ encoders }: Capabilities): number {
  // A device's codecs share its sessions.
  const byDevice = new Map(encoders.map(({ device, maxSessions }) => [device, maxSessions ?? 0]));
  const sessions = [...byDevice.values()].reduce((sum, count) => sum + count, 0);
  return Math.min(MAX_DEFAULT_SLOTS, Math.max(1, sessions));
}

/** The slots, which share the machine's memory, are known only when the encoders are. */
function withMemoryLimit(tools: Tools, options: AgentOptions, slots: number): Tools {
  // In a container, what the container has: 0 where there is no such limit.
  const machineBytes = Math.min(process.constrainedMemory() || totalmem(), totalmem());
  const memoryBytes = options.maxMemoryBytes ?? defaultMemoryBytes(machineBytes, slots);
  const { confinement } = tools;
  return {
    ...tools,
    confinement: { ...confinement, limits: { ...confinement.limits, memoryBytes } },
  };
}

const exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : describeError(error)}\n`);
  return EXIT_FAILED;
});
process.exitCode = exitCode;
setTimeout(() => process.exit(exitCode), LAST_WORD_MS).unref();
