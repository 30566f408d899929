import { describe, expect, test } from "vitest";
import { edgeUrl } from "../../cli/environment.ts";
import { exitCodeOf } from "../../cli/exit.ts";
import { failureText } from "../../cli/failure.ts";
import { buildProgram } from "../../cli/program.ts";

/** What is written for the words that were typed, none of which reaches an edge. */
async function said(...words: readonly string[]): Promise<string> {
  let text = "";
  const program = buildProgram({ version: "1.2.3", description: "Telecine" });
  const take = (part: string) => {
    text += part;
  };
  for (const command of [
    program,
    ...program.commands,
    ...program.commands.flatMap((each) => each.commands),
  ]) {
    command.configureOutput({ writeOut: take, writeErr: take });
  }
  await program.parseAsync(words, { from: "user" }).catch(() => undefined);
  return text;
}

describe("what is typed wrongly after a group", () => {
  test.each(["workers", "keys", "presets", "webhooks"])(
    "of %s is an unknown command, not an argument too many",
    async (group) => {
      expect(await said(group, "nothing")).toContain("unknown command 'nothing'");
    },
  );

  test("is told what was meant", async () => {
    expect(await said("workers", "tokn")).toContain("Did you mean token?");
  });

  test("is named where the list was asked for", async () => {
    expect(await said("workers", "list", "extra")).toContain("'workers list' takes no 'extra'");
  });
});

describe("a demo that fails", () => {
  test("exits 1 and says why, a file that cannot be right included", async () => {
    const program = buildProgram({ version: "1.2.3", description: "Telecine" });
    const failure = await program
      .parseAsync(["demo", "/nowhere/missing.mp4"], { from: "user" })
      .catch((error: unknown) => error);
    expect(exitCodeOf(failure)).toBe(1);
    expect(failureText(failure)).toBe(
      "/nowhere/missing.mp4 does not exist. Give the path of a video.",
    );
  });
});

describe("help", () => {
  test("of a word that is no command says so, and what was meant", async () => {
    expect(await said("help", "jobz")).toMatch(/unknown command 'jobz'\n\(Did you mean .*jobs/);
    expect(await said("help", "jobs")).toContain("Usage: telecine jobs");
  });

  // The agent has a help of its own.
  const commands = buildProgram({ version: "1.2.3", description: "Telecine" }).commands.map(
    (command) => command.name(),
  );
  test.each(commands.filter((name) => name !== "worker" && name !== "help"))(
    "of %s has an example",
    async (name) => {
      expect(await said(name, "--help")).toMatch(/^Examples?:\n {2}.*telecine /m);
    },
  );

  test("tells no default of a flag, and that of anything else", async () => {
    const help = await said("transcode", "--help");
    expect(help).not.toMatch(/default: (?:false|true|\{)/);
    expect(help).toContain("parts under way at once (default: 3)");
    expect(await said("keys", "create", "--help")).toMatch(/--scopes.*\(default: read,write\)/);
  });
});

describe("TELECINE_URL", () => {
  test("with a password in it is refused without repeating the password", () => {
    const read = () => edgeUrl({ TELECINE_URL: "https://me:secret@video.example.com" });
    expect(read).toThrow("TELECINE_URL holds a user or a password");
    expect(read).not.toThrow("secret");
  });
});
