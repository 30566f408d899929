/** What the documents and comments name is there: files, headings, scripts, routes, variables, settings. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { settingNames } from "../../protocol/settings.ts";

const root = path.resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");

/** What is in the repository, or will be with the next commit. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "");
const folders = new Set(files.flatMap(parentsOf));
const documents = files.filter((file) => file.endsWith(".md"));
const sources = files.filter((file) => /\.(ts|tsx|toml|yml|css)$/.test(file));
const tops = new Set(files.map((file) => file.split("/")[0] ?? ""));

function parentsOf(file: string): string[] {
  const parts = file.split("/").slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

/** Whether it is there as seen from the repository, from the file that names it, or anywhere below some folder. */
function isThere(named: string, from: string): boolean {
  const plain = named.replace(/\/$/, "");
  const beside = path.posix.join(path.posix.dirname(from), plain);
  return (
    [plain, beside].some((file) => folders.has(file) || files.includes(file)) ||
    files.some((file) => file.endsWith(`/${plain}`))
  );
}

/** `named` in the files that name it, as `file: named`. */
function found(
  among: readonly string[],
  pattern: RegExp,
  textOf = read,
): readonly { readonly file: string; readonly named: string }[] {
  return among.flatMap((file) =>
    [...textOf(file).matchAll(pattern)].flatMap(([, named]) =>
      named === undefined ? [] : [{ file, named }],
    ),
  );
}

const shown = ({ file, named }: { readonly file: string; readonly named: string }) =>
  `${file}: ${named}`;

/** GitHub's anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- _]/gu, "")
    .replaceAll(" ", "-");
}

function commentsOf(file: string): string {
  return (read(file).match(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*|^\s*#.*/gm) ?? []).join("\n");
}

describe("a document", () => {
  test("links to files and headings that are there", () => {
    const links = found(documents, /\]\((?!https?:)([^)\s]+)\)/g);
    expect(links.length).toBeGreaterThan(10);
    const broken = links.filter(({ file, named }) => {
      const [to = "", anchor] = named.split("#");
      const target = to === "" ? file : path.posix.join(path.posix.dirname(file), to);
      if (!files.includes(target) && !folders.has(target.replace(/\/$/, ""))) return true;
      const headings = anchor === undefined ? [] : [...read(target).matchAll(/^#+ (.*)$/gm)];
      return anchor !== undefined && !headings.some(([, text = ""]) => anchorOf(text) === anchor);
    });
    expect(broken.map(shown)).toEqual([]);
  });

  test("names files that are there", () => {
    // What a command makes, and what the edge serves, is in no repository.
    const made = /^(\/|dist\/|\.telecine\/|telecine-demo\/)/;
    const named = found(documents, /`([\w.@/-]+)`/g).filter(
      ({ named }) =>
        !made.test(named) &&
        (/\.(ts|tsx|md|toml|json|yml|service)$/.test(named) || tops.has(named.split("/")[0] ?? "")),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ file, named }) => !isThere(named, file)).map(shown)).toEqual([]);
  });

  test("names scripts that are in package.json", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = found(documents, /npm run (?:-s )?([\w:]+)/g);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ named }) => !(named in scripts)).map(shown)).toEqual([]);
  });

  test("names routes that the edge has", () => {
    const routed = found(
      files.filter((file) => file.startsWith("edge/http/")),
      /(?:path: |\.(?:get|all|on)\(\s*)["`](\/[^"`]*)["`]/g,
    );
    const known = new Set(routed.map(({ named }) => shapeOf(named)));
    const named = found(documents, /(?:\$api|[`/]v1)(\/[a-z][\w/{}$-]*)/g);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ named }) => !known.has(shapeOf(named))).map(shown)).toEqual([]);
  });

  test("names variables that the code reads, and those that the product reads are named", () => {
    // The reader's own, in an example.
    const examples = ["TELECINE_WEBHOOK_SECRET"];
    const variable = /\b(TELECINE_[A-Z_]+[A-Z])\b/g;
    const named = found(documents, variable);
    const code = sources.filter((file) => file !== "test/rules/docs.test.ts");
    const inCode = new Set(found(code, variable).map(({ named }) => named));
    const unread = named.filter(({ named }) => !inCode.has(named) && !examples.includes(named));
    expect(unread.map(shown)).toEqual([]);
    const told = new Set(named.map(({ named }) => named));
    const product = sources.filter((file) => /^(cli|worker-node|edge|client)\//.test(file));
    const untold = found(product, variable).filter(({ named }) => !told.has(named));
    expect(untold.map(shown)).toEqual([]);
  });
});

/** A route with its parameters left blank: `/uploads/{id}/parts/1` and `/uploads/:uploadId/parts/:n` are the same. */
function shapeOf(route: string): string {
  return route
    .replace(/\/$/, "")
    .split("/")
    .map((part) => (/^[:{$]|^\d+$/.test(part) ? "*" : part))
    .join("/");
}

describe("a comment", () => {
  test("names files that are there", () => {
    const product = sources.filter((file) => !file.startsWith("test/"));
    const named = found(
      product,
      /((?:docs|edge|protocol|worker-node|cli|client|dashboard|test|deploy|migrations)\/[\w./-]*\.\w+|\b[\w-][\w./-]*\.(?:ts|tsx|md))\b/g,
      commentsOf,
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ file, named }) => !isThere(named, file)).map(shown)).toEqual([]);
  });
});

describe("the index of decisions", () => {
  test("has each by its title", () => {
    const folder = "docs/decisions/";
    const records = documents.filter((file) => file.startsWith(`${folder}0`));
    expect(records.length).toBeGreaterThan(0);
    const lines = records.map((file) => {
      const [, number, title] = /^# (\d{4}) (.+)$/m.exec(read(file)) ?? [];
      return `- [${number}](${file.slice(folder.length)}) ${title}`;
    });
    const index = read(`${folder}README.md`).split("\n");
    expect(lines.filter((line) => !index.includes(line))).toEqual([]);
  });
});

describe("the README", () => {
  test("says what every setting of the edge is for", () => {
    const readme = read("README.md");
    expect(settingNames.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });
});
