/** Telecine as its user runs it: `telecine start` as a process of its own, on fresh data and a free port. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { TelecineClient } from "../cli/client.ts";
import { ROOT } from "../cli/runtime/bundle.ts";
import type { Scope } from "./scope.ts";

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;
const READY = /^Telecine is ready at (\S+)/;

export interface Service {
  readonly url: string;
  readonly client: TelecineClient;
  /** The process that the edge and the agents run below. */
  readonly pid: number;
  /** What the edge and its agents have logged so far. */
  readonly log: readonly string[];
  /** Hands over each further line as it comes. */
  onLine(listen: (line: string) => void): void;
}

/** Starts it and waits until its workers are connected. It ends with the scope. */
export async function startService(
  scope: Scope,
  options: { readonly workers: number; readonly environment?: Readonly<Record<string, string>> },
): Promise<Service> {
  const data = await scope.folder();
  const child = spawn(
    process.execPath,
    [
      path.join(ROOT, "cli/telecine.ts"),
      ...["start", "--port", "0", "--data", data, "--workers", String(options.workers)],
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.environment } },
  );
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  scope.defer(async () => {
    child.kill("SIGTERM");
    const limit = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await closed;
    clearTimeout(limit);
  });
  const log: string[] = [];
  const lines = createInterface({ input: child.stderr }).on("line", (line) => void log.push(line));
  const ready = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const url = READY.exec(line)?.[1];
    if (url !== undefined) ready.resolve(url);
  });
  const giveUp = (why: string) => ready.reject(new Error(`${why}\n${log.slice(-20).join("\n")}`));
  const limit = setTimeout(() => giveUp("Telecine did not start in time."), START_LIMIT_MS);
  child.once("close", () => giveUp("Telecine ended before it was ready."));
  const url = await ready.promise.finally(() => clearTimeout(limit));
  const key = process.env.ROOT_API_KEY ?? (await readFile(path.join(data, "root-key"), "utf8"));
  if (child.pid === undefined) throw new Error("Telecine has no process id.");
  return {
    url,
    client: new TelecineClient({ url, key: key.trim() }),
    pid: child.pid,
    log,
    onLine: (listen) => void lines.on("line", listen),
  };
}
