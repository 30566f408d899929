/** The agent as a process: real sockets, real ffmpeg, and lines that say what it does. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { encodersOf, signalAll, untilEnded } from "./processes.ts";

const MAIN = fileURLToPath(new URL("../../../worker-node/main.ts", import.meta.url));
/** A start proves every encoder, and the experiments share the machine. */
const CONNECT_LIMIT_MS = 60_000;
const END_LIMIT_MS = 15_000;

export interface AgentLine {
  readonly message: string;
  readonly jobId?: string;
  readonly taskId?: string;
  readonly epoch?: number;
}

export interface AgentProcess {
  readonly name: string;
  readonly pid: number;
  readonly lines: readonly AgentLine[];
  /** Resolves with the first line, past or to come, that satisfies. */
  line(satisfies: (line: AgentLine) => boolean): Promise<AgentLine>;
  /** Process ids of the ffmpeg that encode for it now. */
  encoders(): number[];
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, to the agent alone. */
  kill(): void;
  stop(): Promise<void>;
}

export interface AgentOptions {
  readonly url: string;
  readonly token: string;
  readonly name: string;
  readonly scratch: string;
  readonly slots?: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** Starts an agent. It may still be proving its encoders; `line` of "connected" tells. */
export function startAgentProcess(options: AgentOptions): AgentProcess {
  const { url, token, name, scratch, slots = 1, environment } = options;
  const args = ["--url", url, "--name", name, "--scratch", scratch, "--slots", String(slots)];
  const child = spawn(process.execPath, [MAIN, ...args, "--log-format", "json"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TELECINE_WORKER_TOKEN: token, ...environment },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("the agent was not started");
  const lines: AgentLine[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (text) => {
    lines.push(parseLine(text));
    for (const look of waiting) look();
  });
  createInterface({ input: child.stderr }).on("line", (message) => lines.push({ message }));
  const line: AgentProcess["line"] = (satisfies) =>
    new Promise((resolve) => {
      const look = () => {
        const found = lines.find(satisfies);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return {
    name,
    pid,
    lines,
    line,
    encoders: () => encodersOf(pid),
    signal: (signal) => signalAll([pid], signal),
    kill: () => signalAll([pid], "SIGKILL"),
    stop: () => end(child, pid),
  };
}

/** Resolves once the agent is connected; says what it said when it ends before that, or takes too long. */
export async function untilConnected(agent: AgentProcess): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const said = agent.lines.map(({ message }) => message).join("\n");
      reject(new Error(`${agent.name} did not connect:\n${said}`));
    }, CONNECT_LIMIT_MS);
  });
  await Promise.race([
    agent.line(({ message }) => message.startsWith("connected as ")),
    tooLate,
  ]).finally(() => clearTimeout(timer));
}

async function end(child: ChildProcess, pid: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const encoders = encodersOf(pid);
  signalAll([pid], "SIGCONT");
  signalAll([pid], "SIGKILL");
  await untilEnded([pid, ...encoders], END_LIMIT_MS);
}

function parseLine(text: string): AgentLine {
  try {
    return JSON.parse(text) as AgentLine;
  } catch {
    return { message: text };
  }
}
