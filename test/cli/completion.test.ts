/** The scripts, run by the shells that are there, and held to the tree of commands. */
import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { completionScript, shells } from "../../cli/completion.ts";
import { buildProgram } from "../../cli/program.ts";

const program = buildProgram({ version: "1.2.3", description: "Telecine" });

/** What bash offers for the last of these words. */
function offered(words: readonly string[]): string[] {
  const script = `${completionScript(program, "bash")}
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_telecine
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync("bash", ["-c", script, "bash", "telecine", ...words], {
    encoding: "utf8",
    cwd: import.meta.dirname,
  });
  return text.split("\n").filter((line) => line !== "");
}

describe("completion in bash", () => {
  test("offers every command by its beginning", () => {
    const commands = program.commands.map((command) => command.name());
    expect(offered([""])).toEqual(expect.arrayContaining(commands));
    expect(offered(["j"])).toEqual(["jobs", "job"]);
  });

  test("offers the commands of a group, and the options of a command", () => {
    expect(offered(["workers", "t"])).toEqual(["token"]);
    expect(offered(["workers", "token", "--p"])).toEqual(["--pool"]);
    expect(offered(["jobs", "--st"])).toEqual(["--state"]);
    expect(offered(["webhooks", "li"])).toEqual(["list", "listen"]);
  });

  test("takes the value of an option for no command", () => {
    expect(offered(["transcode", "--preset", "jobs", "--rec"])).toEqual(["--recipe"]);
  });

  test("offers files where a command takes one", () => {
    expect(offered(["upload", "completion.t"])).toEqual(["completion.test.ts"]);
    expect(offered(["cancel", "completion.t"])).toEqual([]);
  });
});

describe.for(shells)("the script for %s", (shell) => {
  const script = completionScript(program, shell);
  const isThere = spawnSync(shell, ["--version"]).error === undefined;

  test("names every command", () => {
    for (const command of program.commands) expect(script).toContain(command.name());
  });

  test.skipIf(!isThere)("is read by the shell without a complaint", () => {
    const { status, stderr } = spawnSync(shell, ["-n"], { input: script, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});
