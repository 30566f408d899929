/** The agent as one file, away from the repository and its packages. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildAgent } from "../../cli/build-agent.ts";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";

const hasNamespaces =
  spawnSync("unshare", ["--user", "--map-root-user", "--net", "--mount", "true"]).status === 0;
const run = promisify(execFile);

let folder: string;
let agent: string;
/** Away from the repository the ffmpeg that npm ships is not found by itself. */
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  const { ffmpeg, ffprobe } = await resolveTools(process.env);
  env = { ...process.env, FFMPEG_PATH: ffmpeg, FFPROBE_PATH: ffprobe };
  folder = await mkdtemp(path.join(tmpdir(), "telecine-agent-"));
  agent = await buildAgent(folder);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the bundled agent", () => {
  test("runs with nothing installed beside it", async () => {
    const { stdout } = await run(process.execPath, [agent, "--help"], { cwd: folder });
    expect(stdout).toContain("Usage: telecine worker --url URL --token TOKEN");
  });

  test.skipIf(!hasNamespaces)("opens its sandbox from the one file", async () => {
    const args = [agent, "--url", "http://127.0.0.1:1", "--token", `wkt_${"a".repeat(43)}`];
    const child = execFile(process.execPath, [...args, "--log-format", "json"], {
      cwd: folder,
      env,
    });
    const said = await new Promise<string>((resolve) => {
      child.stdout?.on("data", (text: string) => text.includes("sandbox") && resolve(text));
      child.once("exit", () => resolve("nothing"));
    });
    child.kill("SIGKILL");
    expect(said).toContain('"sandbox":"full"');
  });

  test("finds ffmpeg, proves its encoders and dials out", async () => {
    // Port 1 of this machine refuses at once; the agent would go on trying, so it is ended at its first word of it.
    const args = [agent, "--url", "http://127.0.0.1:1", "--token", `wkt_${"a".repeat(43)}`];
    const child = execFile(process.execPath, [...args, "--log-format", "json"], {
      cwd: folder,
      env,
    });
    const lines: string[] = [];
    await new Promise<void>((resolve) => {
      child.stdout?.on("data", (text: string) => {
        lines.push(text);
        if (text.includes("the connection was lost")) child.kill("SIGKILL");
      });
      child.once("exit", () => resolve());
    });
    expect(lines.join("")).toMatch(/ffmpeg .*libx264@cpu/);
    expect(lines.join("")).toContain("ECONNREFUSED");
  }, 60_000);
});
