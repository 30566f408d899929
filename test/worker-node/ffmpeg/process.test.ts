import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { UNCONFINED } from "../../../worker-node/ffmpeg/confinement.ts";
import { type ProcessRequest, runProcess } from "../../../worker-node/ffmpeg/process.ts";
import { FLOOD, isRunning, scratch, standIn } from "./support.ts";

const dir = await scratch();

async function run(script: string, change: Partial<ProcessRequest> = {}) {
  const command = await standIn(dir, `tool-${crypto.randomUUID()}`, script);
  return runProcess({
    command,
    args: [],
    cwd: dir,
    confinement: UNCONFINED,
    signal: new AbortController().signal,
    ...change,
  });
}

/** Reads the pids that a stand-in prints, and calls back when `count` of them were. */
function pidReader(count: number, whenAll: () => void) {
  const pids: number[] = [];
  return {
    pids,
    onStdoutLine: (line: string) => {
      pids.push(Number(line));
      if (pids.length === count) whenAll();
    },
  };
}

const HANG = "setInterval(() => {}, 1000);";
const DEAF = "process.on('SIGTERM', () => {});";
const PRINT_PID = "console.log(process.pid);";
/** A child in the same group that is deaf to SIGTERM and shares stdout; its pid is printed once it is. */
const GRANDCHILD = `require("node:child_process").spawn(process.execPath,
  ["-e", "${DEAF} ${PRINT_PID} ${HANG}"], { stdio: "inherit" });`;

describe("a tool that ends by itself", () => {
  it("settles with its code, its output and its last words", async () => {
    const result = await run(
      "process.stdout.write('{\"a\":1}'); console.error('one\\ntwo'); process.exitCode = 3;",
      { maxStdout: 100 },
    );
    expect(result).toMatchObject({
      end: { kind: "exited" },
      exitCode: 3,
      signal: null,
      stdout: '{"a":1}',
      stderr: ["one", "two"],
    });
  });

  it("or by a signal that is not ours settles with that signal", async () => {
    const result = await run("process.kill(process.pid, 'SIGKILL');");
    expect(result).toMatchObject({ end: { kind: "exited" }, exitCode: null, signal: "SIGKILL" });
  });

  it("takes along what it leaves in its group", async () => {
    const reader = pidReader(1, () => {});
    const result = await run(
      `const child = require("node:child_process").spawn(process.execPath,
         ["-e", "${DEAF} ${PRINT_PID} process.send('ready'); ${HANG}"],
         { stdio: ["inherit", "inherit", "inherit", "ipc"] });
       child.once("message", () => process.exit(0));`,
      reader,
    );
    expect(result).toMatchObject({ end: { kind: "exited" }, exitCode: 0 });
    expect(reader.pids).toHaveLength(1);
    expect(reader.pids.filter(isRunning)).toEqual([]);
  });
});

describe("a tool that is stopped", () => {
  it("and its children are dead when the run settles, deaf to SIGTERM or not", async () => {
    const controller = new AbortController();
    const reader = pidReader(2, () => controller.abort());
    const result = await run(`${DEAF} ${PRINT_PID} ${GRANDCHILD} ${HANG}`, {
      ...reader,
      signal: controller.signal,
    });
    expect(result).toMatchObject({ end: { kind: "aborted" }, signal: "SIGKILL" });
    expect(reader.pids).toHaveLength(2);
    expect(reader.pids.filter(isRunning)).toEqual([]);
  });

  it("is first asked to end by itself", async () => {
    const controller = new AbortController();
    const reader = pidReader(1, () => controller.abort());
    const result = await run(`process.on('SIGTERM', () => process.exit(7)); ${PRINT_PID} ${HANG}`, {
      ...reader,
      signal: controller.signal,
    });
    expect(result).toMatchObject({ end: { kind: "aborted" }, exitCode: 7 });
  });

  it("for running too long says so", async () => {
    const result = await run(HANG, { timeoutMs: 200 });
    expect(result.end).toEqual({ kind: "timeout" });
  });

  it("for a reason of the caller's carries that reason, the first of several", async () => {
    const result = await run(HANG, {
      onStarted: (stop) => {
        stop("first");
        stop("second");
      },
    });
    expect(result.end).toEqual({ kind: "stopped", reason: "first" });
  });

  it("before it began is never started", async () => {
    const result = await run("require('node:fs').writeFileSync('started', '');", {
      signal: AbortSignal.abort(),
    });
    expect(result.end).toEqual({ kind: "aborted" });
    expect(existsSync(`${dir}/started`)).toBe(false);
  });
});

describe("a tool that floods us", () => {
  it("with more output than it may collect is stopped", async () => {
    const result = await run(FLOOD, { maxStdout: 100_000 });
    expect(result.end).toEqual({ kind: "too_much_output" });
    expect(result.stdout.length).toBeLessThanOrEqual(100_000);
  });

  it("with messages leaves 40 of them and their number", async () => {
    const result = await run("for (let i = 0; i < 50000; i++) console.error('line ' + i);");
    expect(result.stderr).toHaveLength(40);
    expect(result.stderr[0]).toBe("line 0");
    expect(result.stderr.at(-1)).toBe("line 49999");
    expect(result.stderrCount).toBe(50_000);
  });
});

describe("a tool that cannot be started", () => {
  it("settles all the same, with what the system said", async () => {
    const signal = new AbortController().signal;
    const shared = { confinement: UNCONFINED, signal };
    const missing = await runProcess({ ...shared, command: `${dir}/none`, args: [], cwd: dir });
    // With a launcher it is the launcher that says so.
    expect(missing.end.kind === "not_started" || missing.exitCode === 127).toBe(true);
    const nowhere = await runProcess({
      ...shared,
      command: process.execPath,
      args: ["-v"],
      cwd: `${dir}/none`,
    });
    expect(nowhere.end.kind).toBe("not_started");
  });
});

it("sees neither our environment nor our stdin", async () => {
  process.env.TELECINE_TEST_SECRET = "secret";
  const result = await run(
    "console.log(JSON.stringify(process.env)); process.stdin.on('data', () => {}).on('end', () => console.log('no stdin'));",
    { maxStdout: 10_000 },
  );
  delete process.env.TELECINE_TEST_SECRET;
  expect(result.stdout).not.toContain("secret");
  expect(result.stdout).not.toContain("PATH");
  expect(result.stdout).toContain("no stdin");
});

it.runIf(existsSync("/usr/bin/setpriv"))(
  "dies with its agent, though that was killed without a chance to say so",
  async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const tool = await standIn(
      dir,
      "orphan",
      `${DEAF} require("node:net").connect(${port}, "127.0.0.1");`,
    );
    const module = fileURLToPath(
      new URL("../../../worker-node/ffmpeg/process.ts", import.meta.url),
    );
    const agent = spawn(process.execPath, [
      "--input-type=module",
      "-e",
      `const { runProcess } = await import(${JSON.stringify(module)});
       await runProcess({ command: ${JSON.stringify(tool)}, args: [], cwd: "/", confinement: ${JSON.stringify(UNCONFINED)}, signal: new AbortController().signal });`,
    ]);
    const [socket] = await once(server, "connection");
    agent.kill("SIGKILL");
    // The tool holds its connection as long as it lives.
    socket.on("error", () => {}).resume();
    await once(socket, "close");
    server.close();
  },
);
