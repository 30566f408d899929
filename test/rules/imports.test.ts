/** The import rules of docs/ARCHITECTURE.md, shown by breaking each on purpose. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);

interface Case {
  readonly file: string;
  readonly code: string;
}

const forbidden: Readonly<Record<string, Case>> = {
  "protocol imports no package but zod": { file: "protocol/a.ts", code: 'import "hono";\n' },
  "protocol imports neither end": { file: "protocol/b.ts", code: 'import "../edge/ids.ts";\n' },
  "the domain imports no package": { file: "edge/domain/a.ts", code: 'import "zod";\n' },
  "the domain imports nothing of the edge": {
    file: "edge/domain/b.ts",
    code: 'import "../ids.ts";\n',
  },
  "a folder of the domain imports nothing of the edge": {
    file: "edge/domain/transitions/a.ts",
    code: 'import "../../ids.ts";\n',
  },
  "the domain has no clock": { file: "edge/domain/c.ts", code: "export const now = Date.now();\n" },
  "media does not import http": { file: "edge/media/a.ts", code: 'import "../http/errors.ts";\n' },
  "webhooks do not import the pool": {
    file: "edge/webhooks/a.ts",
    code: 'import "../pool/pool.ts";\n',
  },
  "the edge uses no Node global": {
    file: "edge/media/b.ts",
    code: "export const id = process.pid;\n",
  },
  "the edge imports no Node module": { file: "edge/catalogue/a.ts", code: 'import "node:fs";\n' },
  "http reaches the pool only through its RPC type": {
    file: "edge/http/routes/a.ts",
    code: 'import "../../pool/pool.ts";\n',
  },
  "the pool does not import http": {
    file: "edge/pool/a.ts",
    code: 'import "../http/errors.ts";\n',
  },
  "the agent does not import the edge": {
    file: "worker-node/ffmpeg/a.ts",
    code: 'import "../../edge/ids.ts";\n',
  },
  "the command does not import the edge": { file: "cli/a.ts", code: 'import "../edge/ids.ts";\n' },
  "the command does not import the agent": {
    file: "cli/b.ts",
    code: 'import "../worker-node/main.ts";\n',
  },
  "the client imports no Node module": { file: "client/a.ts", code: 'import "node:fs";\n' },
  "the client does not import the edge": {
    file: "client/b.ts",
    code: 'import "../edge/ids.ts";\n',
  },
  "the dashboard does not import the edge": {
    file: "dashboard/pages/a.tsx",
    code: 'import "../../edge/ids.ts";\n',
  },
  "the dashboard does not import the command": {
    file: "dashboard/b.ts",
    code: 'import "../cli/client.ts";\n',
  },
};

const allowed: Readonly<Record<string, Case>> = {
  "protocol imports zod and itself": {
    file: "protocol/ok.ts",
    code: 'import "zod";\nimport "./ids.ts";\n',
  },
  "a recipe imports the protocol": {
    file: "protocol/recipes/ok.ts",
    code: 'import "../ids.ts";\n',
  },
  "the domain imports the protocol and itself": {
    file: "edge/domain/ok.ts",
    code: 'import "../../protocol/ids.ts";\nimport "./model.ts";\n',
  },
  "a folder of the domain imports the protocol and the domain": {
    file: "edge/domain/transitions/ok.ts",
    code: 'import "../../../protocol/ids.ts";\nimport "../model.ts";\n',
  },
  "http imports the pool's RPC type": {
    file: "edge/http/routes/ok.ts",
    code: 'import "../../pool/rpc.ts";\n',
  },
  "the client imports the protocol": {
    file: "client/ok.ts",
    code: 'import "../protocol/ids.ts";\nimport "./client.ts";\n',
  },
  "the dashboard imports the client and its own packages": {
    file: "dashboard/ok.ts",
    code: 'import "preact";\nimport "../client/client.ts";\n',
  },
  "media imports the protocol's HTTP schemas": {
    file: "edge/media/ok.ts",
    code: 'import "../../protocol/http/videos.ts";\n',
  },
};

describe("the linter", () => {
  let folder = "";
  const complaints = new Map<string, string[]>();

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "telecine-rules-"));
    await cp(path.join(ROOT, "biome.json"), path.join(folder, "biome.json"));
    for (const { file, code } of [...Object.values(forbidden), ...Object.values(allowed)]) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), code);
    }
    const biome = path.join(ROOT, "node_modules/@biomejs/biome/bin/biome");
    const args = ["lint", "--vcs-enabled=false", "--reporter=json", "--max-diagnostics=none", "."];
    const { stdout } = await run(process.execPath, [biome, ...args], { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    );
    const report = JSON.parse(stdout.slice(stdout.indexOf("{"))) as {
      diagnostics: { category: string; location: { path: string | { file: string } } }[];
    };
    for (const { category, location } of report.diagnostics) {
      const file = typeof location.path === "string" ? location.path : location.path.file;
      const rules = complaints.get(path.normalize(file)) ?? [];
      complaints.set(path.normalize(file), [...rules, category]);
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.for(Object.entries(forbidden))("%s", ([, { file }]) => {
    expect(complaints.get(file)?.join()).toMatch(/noRestricted(Imports|Globals)/);
  });

  test.for(Object.entries(allowed))("%s", ([, { file }]) => {
    expect(complaints.get(file) ?? []).toEqual([]);
  });
});

describe("the compiler", () => {
  /** Compiles one file under a project's own options, plus the project's rule that it lists all its files. */
  async function complaintsOf(project: string, code: string): Promise<string> {
    await mkdir(path.join(ROOT, "build"), { recursive: true });
    // Inside the repository, so that the project's `types` resolve as they do for its own files.
    const folder = await mkdtemp(path.join(ROOT, "build/rules-"));
    try {
      const config = {
        extends: path.join(ROOT, project, "tsconfig.json"),
        compilerOptions: { rootDir: ROOT, outDir: folder, noUnusedLocals: false },
        files: ["broken.ts"],
        include: [],
        references: [],
      };
      await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify(config));
      await writeFile(path.join(folder, "broken.ts"), code);
      const tsc = path.join(ROOT, "node_modules/typescript/bin/tsc");
      const { stdout } = await run(process.execPath, [tsc, "-p", folder]).catch(
        (error: { stdout: string }) => error,
      );
      return stdout;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  test.for([
    ["edge", "export const here = __dirname;\n", /TS2580|TS2591|TS2304/],
    ["edge/domain", "export const r = fetch('http://127.0.0.1');\n", /TS2304|TS2584/],
    ["protocol", "export const t = setTimeout(() => {}, 1);\n", /TS2304|TS2584/],
    ["worker-node", "export const s: DurableObjectState | null = null;\n", /TS2304/],
  ] as const)(
    "a global of another runtime does not compile in %s",
    async ([project, code, expected]) => {
      expect(await complaintsOf(project, code)).toMatch(expected);
    },
  );

  test("a file of a project that is not referenced does not compile in another", async () => {
    const code = 'export { newId } from "../../edge/ids.ts";\n';
    expect(await complaintsOf("worker-node", code)).toMatch(/TS6307/);
  });

  test("what keeps the rules compiles", async () => {
    expect(await complaintsOf("edge", "export const r = fetch('https://example.com');\n")).toBe("");
  });
});
