/**
 * The files that a tool is made of. One that is a script is nothing without its interpreter and what it calls: those that
 * it names are shown, too, and no directory with them.
 */
import { constants } from "node:fs";
import { access, open, readdir, realpath, stat } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";

/** Longer ones are no wrappers. */
const MAX_SCRIPT_BYTES = 64 * 1024;
/** Of all that scripts and what they call name. */
const MAX_PROGRAMS = 32;

/** By the paths that they are called by and their real ones; what is not there is left out. */
export async function programsOf(tools: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  const queue = [...tools];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (found.has(path) || found.size >= MAX_PROGRAMS) continue;
    const real = await realpath(path).catch(() => null);
    if (real === null) continue;
    found.add(path);
    if (real !== path) queue.unshift(real);
    else queue.push(...(await calledBy(path)));
  }
  return [...found];
}

/** The executable files that a script names: by path, on its first line by name, or by name beside itself. */
async function calledBy(path: string): Promise<readonly string[]> {
  const text = await readScript(path);
  if (text === null) return [];
  const beside = await readdir(dirname(path)).catch((): string[] => []);
  const named = [
    ...pathsIn(text),
    ...interpretersOf(text).flatMap((name) =>
      (process.env.PATH ?? "").split(delimiter).map((dir) => join(dir, name)),
    ),
    ...beside.filter((name) => text.includes(name)).map((name) => join(dirname(path), name)),
  ];
  const programs = await Promise.all(
    named.map(async (file) => ((await isProgram(file)) ? file : [])),
  );
  return programs.flat();
}

/** Null for what is no script, or none that can be read. */
async function readScript(path: string): Promise<string | null> {
  const file = await open(path, "r").catch(() => null);
  if (file === null) return null;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_SCRIPT_BYTES));
    const text = buffer.toString("utf8", 0, bytesRead);
    return text.startsWith("#!") ? text : null;
  } finally {
    await file.close();
  }
}

/** Absolute paths as shells and the like write them, in quotes or not. */
function pathsIn(text: string): readonly string[] {
  const words = text.match(/(?<![\w.$}/-])\/[^\s"'`$;|&<>(){}=,:]+/g) ?? [];
  return [...new Set(words)];
}

/** What `env` is asked for on the first line, as in `#!/usr/bin/env -S node --flag`. */
function interpretersOf(text: string): readonly string[] {
  const [first = ""] = text.split("\n", 1);
  return /^#!\s*\S*\/env\s/.test(first) ? first.split(/\s+/).slice(1) : [];
}

async function isProgram(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile()) return false;
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
