/** One edge to a data folder: who runs there keeps others out, and who is gone does not. */
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { markRunning, openDataFolder, unmarkRunning } from "../../cli/runtime/data-folder.ts";

let folder: string;
let data: string;
let edge: Server;
let url: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "telecine-data-"));
  data = path.join(folder, "data");
  edge = createServer((_request, response) => response.end('{"status":"ok"}'));
  await new Promise<void>((resolve) => edge.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await new Promise((resolve) => edge.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

const keep = (running: unknown) =>
  writeFile(path.join(data, "running.json"), JSON.stringify(running));

describe("a data folder", () => {
  test("is made for its owner alone, and opened again", async () => {
    await openDataFolder(data);
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    await openDataFolder(data);
  });

  test("that an edge runs on is refused, by its address", async () => {
    await openDataFolder(data);
    await markRunning(data, url);
    await expect(openDataFolder(data)).rejects.toThrow(
      `The data in ${data} is in use: Telecine runs on it at ${url} (process ${process.pid}). ` +
        "Stop that one, or choose another folder with --data DIR.",
    );
    await unmarkRunning(data);
    await openDataFolder(data);
  });

  test("of an edge that was killed is free: its process is gone, or its id another's", async () => {
    await openDataFolder(data);
    // Above what Linux gives out (PID_MAX_LIMIT, 2^22).
    await keep({ pid: 5_000_000, url });
    await openDataFolder(data);
    await keep({ pid: process.pid, url: "http://127.0.0.1:1" });
    await openDataFolder(data);
  });

  test("with a mark that cannot be read is free", async () => {
    await openDataFolder(data);
    await writeFile(path.join(data, "running.json"), '{"pid":');
    await openDataFolder(data);
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
