import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { defaultScratchRoot, openScratch, ScratchError } from "../../worker-node/scratch.ts";

async function newRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "telecine-scratch-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

/** The id of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  if (child.pid === undefined) throw new Error("no process");
  return child.pid;
}

test("directories are readable by nobody else, and gone when removed", async () => {
  const root = await newRoot();
  const scratch = await openScratch(root);
  const dir = await scratch.createAttemptDir("tsk-1");
  for (const path of [scratch.path, dir.path]) expect((await stat(path)).mode & 0o777).toBe(0o700);
  await writeFile(join(dir.path, "out.mp4"), "x");
  await dir.remove();
  await scratch.remove();
  expect(await readdir(root)).toEqual([]);
});

test("its root and the parents it lacks are made", async () => {
  const root = join(await newRoot(), "a", "b", "c");
  await Promise.all([openScratch(root), openScratch(root)]);
  expect(await readdir(root)).toHaveLength(2);
});

test("under a relative root its paths are absolute", async () => {
  const root = await newRoot();
  const scratch = await openScratch(relative("", root));
  const dir = await scratch.createAttemptDir("tsk-1");
  for (const path of [scratch.path, dir.path]) expect(isAbsolute(path)).toBe(true);
  expect(dir.path.startsWith(join(root, "/"))).toBe(true);
});

test.runIf(process.platform === "linux")(
  "a root where no directory can be made is refused by name",
  async () => {
    await expect(openScratch("/proc/telecine/scratch")).rejects.toThrow(
      /^--scratch '\/proc\/telecine\/scratch' cannot be used/,
    );
  },
);

test("what a dead agent left is removed at the next start; a living one's is not", async () => {
  const root = await newRoot();
  const living = await openScratch(root);
  const dead = await deadPid();
  await mkdir(join(root, `agent-${dead}-aaaa`, "attempt"), { recursive: true });
  const next = await openScratch(root);
  expect(next.orphansRemoved).toBe(1);
  expect(await readdir(root)).toEqual(
    expect.arrayContaining([living.path, next.path].map((path) => path.slice(root.length + 1))),
  );
  expect(await readdir(root)).toHaveLength(2);
});

test.runIf(process.platform === "linux")(
  "a process id that was given to another process since does not keep a dead agent's scratch",
  async () => {
    const root = await newRoot();
    const path = join(root, `agent-${process.pid}-bbbb`);
    await mkdir(path);
    const lock = { pid: process.pid, startedAt: "1" };
    await writeFile(join(path, "lock.json"), JSON.stringify(lock));
    expect((await openScratch(root)).orphansRemoved).toBe(1);
  },
);

test("nothing but agents' directories is touched in a root of the user's choice", async () => {
  const root = await newRoot();
  await writeFile(join(root, "agent-1-notes.txt"), "mine");
  await mkdir(join(root, "photos"));
  expect((await openScratch(root)).orphansRemoved).toBe(0);
  expect(await readdir(root)).toEqual(expect.arrayContaining(["agent-1-notes.txt", "photos"]));
});

test("a root that is a file is refused by name, with the remedy", async () => {
  const root = join(await newRoot(), "file");
  await writeFile(root, "");
  await expect(openScratch(root)).rejects.toThrow(ScratchError);
  await expect(openScratch(root)).rejects.toThrow(/--scratch '.*file'.*Name a directory/);
});

test("the default root is the user's own, with a harmless name", () => {
  const root = defaultScratchRoot("../gpu 1/é");
  expect(root.startsWith(join(tmpdir(), `telecine-${userInfo().uid}`))).toBe(true);
  expect(root).toMatch(/\/\.\._gpu_1__$/);
});

test("free space is a number of bytes", async () => {
  const scratch = await openScratch(await newRoot());
  expect(await scratch.freeBytes()).toBeGreaterThan(0);
});
