/** `telecine start` as a process: what it prints, how it stops, and what it leaves behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { childrenOf } from "../../cli/runtime/processes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

interface Started {
  readonly process: ChildProcess;
  readonly data: string;
  readonly stdout: string[];
  readonly stderr: string[];
  readonly closed: Promise<number | null>;
  /** The URL of the line that says it is ready; rejects when the process ends before. */
  readonly ready: Promise<string>;
}

async function start(
  args: readonly string[],
  environment: Record<string, string> = {},
  prepare: (data: string) => Promise<void> = async () => {},
): Promise<Started> {
  const folder = await mkdtemp(path.join(tmpdir(), "telecine-start-"));
  folders.push(folder);
  const data = path.join(folder, "data");
  await prepare(data);
  const child = spawn(
    process.execPath,
    [path.join(ROOT, "cli/telecine.ts"), "start", "--data", data, ...args],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } },
  );
  const stdout: string[] = [];
  const stderr: string[] = [];
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      stdout.push(line);
      const url = /^Telecine is ready at (\S+)$/.exec(line)?.[1];
      if (url) resolve(url);
    });
    createInterface({ input: child.stderr }).on("line", (line) => stderr.push(line));
    void closed.then((code) => reject(new Error(`ended with ${code}: ${stderr.join("\n")}`)));
  });
  ready.catch(() => {});
  return { process: child, data, stdout, stderr, closed, ready };
}

/** All processes below one, itself left out. */
function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until the port is open: nothing announces that moment. Bounded by the test's own limit. */
async function firstAnswer(url: string, key: string): Promise<Response> {
  for (;;) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } }).catch(
      () => null,
    );
    if (answer !== null) return answer;
    await delay(2);
  }
}

/** Polls, because processes that are not our children announce nothing; bounded by the test's own limit. */
async function untilDead(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await delay(50);
}

describe("telecine start", () => {
  test("keeps a root key of its own in a file only its owner reads, says where and never what", async () => {
    const started = await start(["--port", "0", "--workers", "0"]);
    const url = await started.ready;
    const file = path.join(started.data, "root-key");
    const key = (await readFile(file, "utf8")).trim();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(started.stdout.join("\n")).toContain(file);
    expect([...started.stdout, ...started.stderr].join("\n")).not.toContain(key);
    const answer = await fetch(`${url}/v1/keys`, { headers: { authorization: `Bearer ${key}` } });
    expect(answer.status).toBe(200);
    started.process.kill("SIGTERM");
    expect(await started.closed).toBe(0);
  });

  test("answers nobody before its database has all tables, from the first moment that its port is open", async () => {
    const port = await freePort();
    const key = "a-root-key-that-is-long-enough";
    const args = ["--port", String(port), "--workers", "0"];
    const started = await start(args, { ROOT_API_KEY: key });
    const first = await firstAnswer(`http://127.0.0.1:${port}/v1/videos`, key);
    expect(await first.text()).toContain('"videos":[]');
    await started.ready;
    started.process.kill("SIGTERM");
    expect(await started.closed).toBe(0);
  });

  test("serves the Worker alone, and the scheme that a proxy before it names", async () => {
    const started = await start(["--port", "0", "--workers", "0"]);
    const url = await started.ready;
    const tool = await fetch(`${url}/cdn-cgi/local/scheduled`);
    expect(await tool.json()).toMatchObject({ error: { code: "NOT_FOUND" } });
    const originOf = async (headers: Record<string, string>) => {
      const answer = await fetch(`${url}/openapi.json`, { headers });
      const { servers } = (await answer.json()) as { servers: readonly { readonly url: string }[] };
      return servers[0]?.url;
    };
    expect(await originOf({})).toBe(url);
    expect(await originOf({ "x-forwarded-proto": "https" })).toBe(url.replace("http:", "https:"));
    started.process.kill("SIGTERM");
    expect(await started.closed).toBe(0);
  });

  test.for(["SIGINT", "SIGTERM"] as const)("%s stops the edge and its workers", async (signal) => {
    const started = await start(["--port", "0"]);
    await started.ready;
    const family = descendantsOf(started.process.pid ?? 0);
    // workerd, the agent and the watchdog.
    expect(family.length).toBeGreaterThanOrEqual(3);
    started.process.kill(signal);
    expect(await started.closed).toBe(0);
    await untilDead(family);
  });

  test("killed with SIGKILL leaves no process behind, and no temporary file outside its data", async () => {
    const temporary = await mkdtemp(path.join(tmpdir(), "telecine-tmp-"));
    folders.push(temporary);
    const started = await start(["--port", "0"], { TMPDIR: temporary });
    const url = await started.ready;
    const family = descendantsOf(started.process.pid ?? 0);
    started.process.kill("SIGKILL");
    await untilDead(family);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    const left = await readdir(temporary);
    expect(left.filter((name) => name.startsWith("miniflare"))).toEqual([]);
  });

  test("twice at once on one data folder: one runs, and the other says so and ends", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "telecine-twice-"));
    folders.push(folder);
    const both = await Promise.all(
      [1, 2].map(() => start(["--port", "0", "--workers", "0", "--data", folder])),
    );
    // Which of them it is, is theirs to settle.
    const ended = await Promise.race(
      both.map(async (started) => {
        await started.closed;
        return started;
      }),
    );
    expect(ended.process.exitCode).toBe(1);
    expect(ended.stderr.join("\n")).toContain(`The data in ${folder} is in use: `);
    const other = both.find((started) => started !== ended);
    const url = await other?.ready;
    expect((await fetch(`${url}/health`)).status).toBe(200);
    // On its very port the folder is named all the same: that is what whoever starts it again has to know.
    const port = new URL(url ?? "").port;
    const third = await start(["--port", port, "--workers", "0", "--data", folder]);
    expect(await third.closed).toBe(1);
    expect(third.stderr.join("\n")).toContain(`Telecine runs on it at ${url}`);
    other?.process.kill("SIGTERM");
    expect(await other?.closed).toBe(0);
  });

  test("a worker that is killed is started again", async () => {
    const started = await start(["--port", "0"]);
    await started.ready;
    const connected = () => started.stderr.filter((line) => /\bconnected as\b/.test(line)).length;
    expect(connected()).toBe(1);
    const agent = await agentOf(started.process.pid ?? 0);
    process.kill(agent, "SIGKILL");
    while (connected() < 2) await delay(50);
    started.process.kill("SIGTERM");
    expect(await started.closed).toBe(0);
  });

  test("on a port that is taken says so, names the remedy and exits 1", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const started = await start(["--port", String(port), "--workers", "0"]);
    expect(await started.closed).toBe(1);
    expect(started.stderr.join("\n")).toContain(`Port ${port} on 127.0.0.1 is in use`);
    expect(started.stderr.join("\n")).toContain("--port");
    await new Promise((resolve) => server.close(resolve));
  });

  test.for([
    [{ LEASE_TTL_SECONDS: "soon" }, "LEASE_TTL_SECONDS must be a whole number"],
    [{ ROOT_API_KEY: "short" }, "ROOT_API_KEY must be at least 16 characters"],
    [{ S3_ENDPOINT: "nonsense" }, "S3_ENDPOINT must be a URL that begins with http(s)://"],
  ] as const)("with a wrong setting exits 1 and names it: %o", async ([environment, text]) => {
    const started = await start(["--port", "0", "--workers", "0"], { ...environment });
    expect(await started.closed).toBe(1);
    expect(started.stderr.join("\n")).toContain("CONFIG_ERROR");
    expect(started.stderr.join("\n")).toContain(text);
  });

  test("whose runtime cannot start says why, and ends", async () => {
    const started = await start(["--port", "0", "--workers", "0"], {}, async (data) => {
      await mkdir(data);
      await writeFile(path.join(data, "edge"), "a file where the runtime keeps its folders");
    });
    expect(await started.closed).toBe(1);
    expect(started.stderr.join("\n")).toMatch(/edge.* is in the way/);
  });

  test("an option that is no number is refused by its rule", async () => {
    const started = await start(["--port", "many"]);
    expect(await started.closed).toBe(2);
    expect(started.stderr.join("\n")).toContain("--port must be a whole number from 0 to 65535");
  });
});

/** The agent among the children: the one that runs worker-node. */
async function agentOf(parent: number): Promise<number> {
  for (const pid of childrenOf(parent)) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes("worker-node")) return pid;
  }
  throw new Error("no agent is running");
}
