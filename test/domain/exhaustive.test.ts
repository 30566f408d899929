/** The promise that a new state, event or guard cannot be forgotten, kept by the compiler and broken here on purpose. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const copy = mkdtempSync(join(tmpdir(), "telecine-domain-"));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

for (const part of ["protocol", "edge/domain", "tsconfig.base.json", "package.json"]) {
  cpSync(part, join(copy, part), { recursive: true });
}
symlinkSync(resolve("node_modules"), join(copy, "node_modules"));

/** What the compiler says of the domain with one file changed. */
function compileWith(file: string, from: string, to: string): string {
  const path = join(copy, "edge/domain", file);
  const original = readFileSync(path, "utf8");
  expect(original).toContain(from);
  writeFileSync(path, original.replace(from, to));
  const tsc = join(copy, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "--build", "edge/domain"], {
    cwd: copy,
    encoding: "utf8",
  });
  writeFileSync(path, original);
  return run.stdout + run.stderr;
}

describe("the build breaks", () => {
  test("on a state that some table does not handle", () => {
    const state = '| { readonly state: "superseded" }';
    const errors = compileWith("model.ts", state, `${state} | { readonly state: "paused" }`);
    for (const file of ["task.ts", "progress.ts", "alarm.ts", "outcome.ts"]) {
      expect(errors).toContain(`edge/domain/${file}`);
    }
  });

  test("on an event that some table does not handle", () => {
    const event = "| SupersedeEvent;";
    const paused = '| SupersedeEvent | { readonly type: "pause"; readonly now: number };';
    expect(compileWith("events.ts", event, paused)).toContain("edge/domain/task.ts");
  });

  test("and does not as things are", () => {
    expect(compileWith("model.ts", "superseded", "superseded")).toBe("");
  });
});
