/** The scripts, run by the shells that are there, and held to the tree of commands. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { completionScript, type Shell, shells } from "../../cli/completion.ts";
import { buildProgram } from "../../cli/program.ts";

const program = buildProgram({ version: "1.2.3", description: "Telecine" });

let folder: string;
/** A folder of zsh's fpath. */
let functions: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "telecine-completion-"));
  // One of the folders is called as a command is.
  mkdirSync(path.join(folder, "jobs"));
  writeFileSync(path.join(folder, "talk.mov"), "");
  functions = path.join(folder, "jobs");
  writeFileSync(path.join(functions, "_telecine"), completionScript(program, "zsh"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Zsh's own helpers, telling what they would offer of what begins with the word that is typed. */
const zshStubs = `
offer() { for one in "$@"; do [[ "$one" == "\${words[CURRENT]}"* ]] && print -r -- "$one"; done; return 0 }
compdef() { : }
compadd() { shift; offer "$@" }
_describe() { local -a all; all=("\${(@P)2}"); offer "\${(@)all%%:*}" }
_files() { if [[ "$1" == "-/" ]]; then offer *(/N); else offer *(N); fi }
_message() { : }
`;

/** What each shell runs to print what it offers for the last of the words that it is given. */
const asking: Readonly<Record<Shell, (words: readonly string[]) => readonly string[]>> = {
  bash: (words) => [
    "-c",
    `${completionScript(program, "bash")}
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_telecine
printf '%s\\n' "\${COMPREPLY[@]}"`,
    ...["bash", "telecine", ...words],
  ],
  zsh: (words) => [
    ...["-f", "-c"],
    `${zshStubs}${completionScript(program, "zsh")}
words=("$@"); CURRENT=$#; _telecine`,
    ...["zsh", "telecine", ...words],
  ],
  fish: (words) => [
    ...["--no-config", "-c"],
    `${completionScript(program, "fish")}
complete -C '${["telecine", ...words].join(" ")}'`,
  ],
};

function offered(shell: Shell, words: readonly string[]): string[] {
  const text = execFileSync(shell, asking[shell](words), { encoding: "utf8", cwd: folder });
  const lines = text.split("\n").map((line) => line.split("\t")[0] ?? "");
  return lines.filter((line) => line !== "").sort();
}

const isThere = (shell: Shell) => spawnSync(shell, ["--version"]).error === undefined;

describe.for(shells)("completion in %s", (shell) => {
  describe.skipIf(!isThere(shell))("by the shell itself", () => {
    test("offers every command by its beginning, even where a folder is called so", () => {
      const commands = program.commands.map((command) => command.name());
      expect(offered(shell, [""])).toEqual(expect.arrayContaining([...commands, "help"]));
      expect(offered(shell, ["j"])).toEqual(["job", "jobs"]);
      expect(offered(shell, ["help", "tr"])).toEqual(["transcode"]);
    });

    test("offers the commands of a group, and the options of a command", () => {
      expect(offered(shell, ["workers", "t"])).toEqual(["token"]);
      expect(offered(shell, ["workers", "token", "--p"])).toEqual(["--pool"]);
      expect(offered(shell, ["jobs", "--st"])).toEqual(["--state"]);
      expect(offered(shell, ["webhooks", "li"])).toEqual(["list", "listen"]);
    });

    test("offers the values of an option or argument that has known ones, and else none", () => {
      expect(offered(shell, ["jobs", "--state", "fa"])).toEqual(["failed"]);
      expect(offered(shell, ["transcode", "talk.mov", "--recipe", "ext"])).toEqual([
        "extractAudio",
      ]);
      expect(offered(shell, ["completion", "z"])).toEqual(["zsh"]);
      expect(offered(shell, ["jobs", "--search", "t"])).toEqual([]);
    });

    test("takes the value of an option for no command", () => {
      expect(offered(shell, ["transcode", "--preset", "jobs", "--rec"])).toEqual(["--recipe"]);
    });

    test("offers files where a command takes one, and folders where an option does", () => {
      expect(offered(shell, ["upload", "ta"])).toEqual(["talk.mov"]);
      expect(offered(shell, ["cancel", "ta"])).toEqual([]);
      expect(offered(shell, ["job", "--out", ""]).map((name) => name.replace("/", ""))).toEqual([
        "jobs",
      ]);
    });
  });
});

test("bash completes the value in --option=value, which it takes for words of its own", () => {
  expect(offered("bash", ["jobs", "--state", "=", "fa"])).toEqual(["failed"]);
  expect(offered("bash", ["jobs", "--state", "="])).toContain("failed");
});

test.skipIf(!isThere("zsh"))("zsh loads it from fpath, and offers at the first try", () => {
  const line = `${zshStubs} fpath=("$PWD/jobs" $fpath); autoload -Uz _telecine; words=("$@"); CURRENT=$#; _telecine`;
  const found = execFileSync("zsh", ["-f", "-c", line, "zsh", "telecine", "tr"], { cwd: folder });
  expect(String(found)).toBe("transcode\n");
});

describe.for(shells)("the script for %s", (shell) => {
  const script = completionScript(program, shell);

  test("names every command", () => {
    for (const command of program.commands) expect(script).toContain(command.name());
  });

  test.skipIf(!isThere(shell))("is read by the shell without a complaint", () => {
    const file = path.join(folder, `script.${shell}`);
    writeFileSync(file, script);
    const { status, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});
