/** One edge to a data folder: who runs there keeps others out, and who is gone does not. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDataFolder } from "../../cli/runtime/data-folder.ts";
import { emptyTemporaryFolder, withTemporaryFolder } from "../../cli/runtime/temporary-folder.ts";

const MODULE = fileURLToPath(new URL("../../cli/runtime/data-folder.ts", import.meta.url));

let folder: string;
let data: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "telecine-data-"));
  data = path.join(folder, "data");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A process of its own that opens the folder, says how that went, and stays until it is killed. */
function opener() {
  const script = `
    import { openDataFolder } from ${JSON.stringify(MODULE)};
    process.stdin.once("data", async () => {
      const opened = await openDataFolder(${JSON.stringify(data)}).catch((error) => error);
      globalThis.opened = opened;
      process.stdout.write(opened instanceof Error ? "refused: " + opened.message : "opened");
      setInterval(() => {}, 60_000);
    });
    process.stdout.write("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  const said = async () => String((await once(child.stdout, "data"))[0]);
  const end = async () => {
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  return { child, said, end };
}

describe("a data folder", () => {
  test("is made for its owner alone, and opened again once it was let go", async () => {
    const opened = await openDataFolder(data);
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    await opened.release();
    await (await openDataFolder(data)).release();
  });

  test("that an edge runs on is refused, by its address", async () => {
    const opened = await openDataFolder(data);
    await opened.announce("http://127.0.0.1:8787");
    await expect(openDataFolder(data)).rejects.toThrow(
      `The data in ${data} is in use: Telecine runs on it at http://127.0.0.1:8787 (process ${process.pid}). ` +
        "Stop that one, or choose another folder with --data DIR.",
    );
    await opened.release();
  });

  test("that another is just starting on is refused before that one serves", async () => {
    const opened = await openDataFolder(data);
    await expect(openDataFolder(data)).rejects.toThrow(
      `The data in ${data} is in use: another Telecine is just starting on it.`,
    );
    await opened.release();
  });

  test("belongs to one of many that start at the same moment", async () => {
    const openers = Array.from({ length: 4 }, opener);
    await Promise.all(openers.map(({ said }) => said()));
    const answers = openers.map(({ said }) => said());
    for (const { child } of openers) child.stdin.write("now");
    const said = await Promise.all(answers);
    await Promise.all(openers.map(({ end }) => end()));
    expect(said.filter((answer) => answer === "opened")).toHaveLength(1);
    expect(said.filter((answer) => answer.includes("is in use"))).toHaveLength(3);
  });

  test("of an edge that was killed is free, whatever it left there", async () => {
    const killed = opener();
    await killed.said();
    killed.child.stdin.write("now");
    expect(await killed.said()).toBe("opened");
    await killed.end();
    // A process that lives, and a mark that cannot be read.
    for (const mark of [`{"pid":${process.pid},"url":"http://127.0.0.1:1"}`, '{"pid":']) {
      await writeFile(path.join(data, "running.json"), mark);
      const opened = await openDataFolder(data);
      expect(await readdir(data)).not.toContain("running.json");
      await opened.release();
    }
  });

  test("is not where a file is", async () => {
    await writeFile(data, "");
    for (const place of [data, path.join(data, "below")]) {
      await expect(openDataFolder(place)).rejects.toThrow(
        `${place} is no folder for data: a file is in its place. Choose another with --data DIR.`,
      );
    }
  });
});

describe("the temporary folder below the data", () => {
  test("is empty at each start", async () => {
    const before = await emptyTemporaryFolder(data);
    await writeFile(path.join(before, "left-over"), "");
    expect(await readdir(await emptyTemporaryFolder(data))).toEqual([]);
  });

  test("is the system's to the runtime alone", async () => {
    const before = tmpdir();
    const temporary = await emptyTemporaryFolder(data);
    expect(withTemporaryFolder(temporary, tmpdir)).toBe(temporary);
    expect(tmpdir()).toBe(before);
  });
});
