/** Folders that commands are told to write to. */
import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { makeFolder } from "../../cli/make-folder.ts";

const root = await mkdtemp(path.join(tmpdir(), "telecine-folder-"));
afterAll(() => rm(root, { recursive: true, force: true }));

describe("a folder", () => {
  test("is made with those above it, for whom it is meant, and is there the second time", async () => {
    const deep = path.join(root, "a", "b", "c");
    await makeFolder(deep, 0o700);
    await makeFolder(deep, 0o700);
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
    expect((await stat(path.dirname(deep))).mode & 0o777).toBe(0o700);
  });

  test("may be behind a link", async () => {
    const link = path.join(root, "link");
    await symlink(root, link);
    await makeFolder(link);
    await makeFolder(path.join(link, "within"));
    expect((await stat(path.join(root, "within"))).isDirectory()).toBe(true);
  });

  test.each([
    ["in its place", "file", "EEXIST"],
    ["above it", "file/below", "ENOTDIR"],
  ])("is not made where a file is %s", async (_where, name, code) => {
    await writeFile(path.join(root, "file"), "");
    await expect(makeFolder(path.join(root, name))).rejects.toMatchObject({ code });
  });

  test.runIf(process.platform === "linux")("is refused where there can be none", async () => {
    await expect(makeFolder("/proc/x/y")).rejects.toThrow("/proc/x cannot be made");
  });
});
