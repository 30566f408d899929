/**
 * Runs a tool in a process group of its own and always settles.
 *
 * The group gets SIGTERM, and SIGKILL two seconds later. When the tool itself has ended, whatever it left
 * in the group is killed too, and its pipes are closed shortly after even if something outside the
 * group holds them open.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Confinement } from "./confinement.ts";
import { findLaunchers, launchArgv, toolEnv } from "./launch.ts";
import { createLineKeeper, createLineSplitter } from "./lines.ts";
import { type PassedLimit, watchUsage } from "./usage-watch.ts";

/** Between SIGTERM and SIGKILL. An encoder stuck in an expression never hears the first. */
const KILL_AFTER_MS = 2_000;
/** How long pipes may stay open after the tool's own end. */
const DRAIN_MS = 1_000;
/** The ledger shows at most 40 lines. */
const KEPT_LINES = { first: 15, last: 25 };

export interface ProcessRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Wall clock; none when absent. */
  readonly timeoutMs?: number;
  readonly onStdoutLine?: (line: string) => void;
  /** Of such a line, in characters; what is longer is cut. Default: 500. */
  readonly maxLineLength?: number;
  /** Collects stdout up to this many characters; beyond it the tool is killed. Default: not collected. */
  readonly maxStdout?: number;
  /** Handed the means to stop the tool for a reason of the caller's own. */
  readonly onStarted?: (stop: (reason: string) => void) => void;
  /** The largest file it may write, in bytes, where the system can say so. */
  readonly maxFileBytes?: number;
  /** The namespaces it runs in and what it may use up: `tools.confinement`. */
  readonly confinement: Confinement;
  /** A graphics card is asked for. Default: none. */
  readonly usesDevice?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Why it ended: by itself, or because of us. */
export type ProcessEnd =
  | { readonly kind: "exited" }
  | { readonly kind: "not_started"; readonly message: string }
  | { readonly kind: "aborted" }
  | { readonly kind: "timeout" }
  | { readonly kind: "too_much_output" }
  | { readonly kind: "limit"; readonly passed: PassedLimit }
  | { readonly kind: "stopped"; readonly reason: string };

export interface ProcessResult {
  readonly end: ProcessEnd;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** First and last lines of stderr. */
  readonly stderr: readonly string[];
  /** How many lines stderr had in all. */
  readonly stderrCount: number;
}

const launchers = findLaunchers();

/** Signals every process of the group; one that is gone already is no error. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Runs the tool to its end. Never rejects: every way to end is in the result. */
export function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  const stderr = createLineKeeper(KEPT_LINES);
  const output = createOutput(request);
  if (request.signal.aborted) {
    return Promise.resolve(notRun({ kind: "aborted" }));
  }
  const [command, ...args] = launchArgv(launchers, {
    command: [request.command, ...request.args],
    cwd: request.cwd,
    confinement: request.confinement,
    maxFileBytes: request.maxFileBytes ?? null,
    usesDevice: request.usesDevice ?? false,
  });
  const child = spawn(command, args, {
    cwd: request.cwd,
    env: toolEnv(process.env, request.cwd, request.env),
    detached: process.platform !== "win32",
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
  });
  return new Promise((resolve) => {
    let end: ProcessEnd | null = null;
    const timers: NodeJS.Timeout[] = [];
    const stop = (why: ProcessEnd) => {
      if (end !== null) return;
      end = why;
      signalGroup(child, "SIGTERM");
      timers.push(setTimeout(() => signalGroup(child, "SIGKILL"), KILL_AFTER_MS));
    };
    const stopWatching =
      child.pid === undefined
        ? () => {}
        : watchUsage(child.pid, request.confinement.limits, (passed) =>
            stop({ kind: "limit", passed }),
          );
    const settle = (result: Omit<ProcessResult, "stdout" | "stderr" | "stderrCount">) => {
      stopWatching();
      for (const timer of timers) clearTimeout(timer);
      request.signal.removeEventListener("abort", onAbort);
      output.splitter.end();
      stderrSplitter.end();
      resolve({
        ...result,
        stdout: output.text(),
        stderr: stderr.lines(),
        stderrCount: stderr.count,
      });
    };
    const onAbort = () => stop({ kind: "aborted" });
    request.signal.addEventListener("abort", onAbort, { once: true });
    if (request.timeoutMs !== undefined) {
      timers.push(setTimeout(() => stop({ kind: "timeout" }), request.timeoutMs));
    }

    const stderrSplitter = createLineSplitter((line) => stderr.add(line));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => stderrSplitter.push(chunk));
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      if (!output.push(chunk)) stop({ kind: "too_much_output" });
    });
    child.on("error", (error) => {
      // Without a pid nothing was started, and no `close` need follow.
      if (child.pid !== undefined) return;
      settle({
        end: { kind: "not_started", message: error.message },
        exitCode: null,
        signal: null,
      });
    });
    child.on("exit", () => {
      signalGroup(child, "SIGKILL");
      timers.push(
        setTimeout(() => {
          child.stdout.destroy();
          child.stderr.destroy();
        }, DRAIN_MS),
      );
    });
    child.on("close", (exitCode, signal) => {
      settle({ end: end ?? { kind: "exited" }, exitCode, signal });
    });
    request.onStarted?.((reason) => stop({ kind: "stopped", reason }));
  });
}

/** What is done with stdout: cut into lines, collected, or thrown away. */
function createOutput(request: ProcessRequest) {
  const splitter = createLineSplitter(
    (line) => request.onStdoutLine?.(line),
    request.maxLineLength,
  );
  const limit = request.maxStdout ?? 0;
  const chunks: string[] = [];
  let length = 0;
  return {
    splitter,
    /** False when the limit was passed. */
    push(chunk: string): boolean {
      if (request.onStdoutLine) splitter.push(chunk);
      if (limit === 0) return true;
      length += chunk.length;
      if (length > limit) return false;
      chunks.push(chunk);
      return true;
    },
    text: () => chunks.join(""),
  };
}

function notRun(end: ProcessEnd): ProcessResult {
  return { end, exitCode: null, signal: null, stdout: "", stderr: [], stderrCount: 0 };
}
