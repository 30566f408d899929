/** Saving outputs from an edge that misbehaves. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TelecineClient } from "../../cli/client.ts";
import { type SaveProgress, saveOutputs } from "../../cli/save-outputs.ts";
import type { Job } from "../../protocol/http/jobs.ts";

type Answer = string | ((response: ServerResponse, asked: number) => void);

let folder: string;
let server: Server;
let files: Record<string, Answer>;
let asked: Map<string, number>;
let client: TelecineClient;

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), "telecine-save-")), "out");
  files = {};
  asked = new Map();
  server = createServer((request, response) => {
    const name = decodeURIComponent(request.url?.split("/").at(-1) ?? "");
    const count = (asked.get(name) ?? 0) + 1;
    asked.set(name, count);
    const answer = files[name];
    if (typeof answer === "function") answer(response, count);
    else if (answer === undefined) response.writeHead(404).end("{}");
    else response.writeHead(200, { "content-length": Buffer.byteLength(answer) }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = new TelecineClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: "tck_test",
  });
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(path.dirname(folder), { recursive: true, force: true });
});

/** A completed job that lists this one output. */
function jobWith(name: string, text: string): Job {
  const sha256 = createHash("sha256").update(text).digest("hex");
  const url = client.urlOf(`/v1/signed/token/${encodeURIComponent(name)}`);
  return { jobId: "job_1", outputs: [{ name, sha256, url }] } as unknown as Job;
}

const master = "#EXTM3U\nv1.m3u8\n";

describe("a presentation that is saved", () => {
  test("is all that its playlists name, and each is told of", async () => {
    files = { "result.m3u8": master, "v1.m3u8": "#EXTM3U\nv1.mp4\nv1.mp4\n", "v1.mp4": "media" };
    const seen: SaveProgress[] = [];
    const saved = await saveOutputs(client, jobWith("result.m3u8", master), folder, {
      onProgress: (progress) => seen.push(progress),
    });
    expect(saved).toEqual([path.join(folder, "result.m3u8")]);
    expect((await readdir(folder)).sort()).toEqual(["result.m3u8", "v1.m3u8", "v1.mp4"]);
    const bytes = Object.values(files).join("").length;
    expect(seen.at(-1)).toEqual({ files: 3, ofFiles: 3, bytes, fraction: 1 });
    expect(Object.fromEntries(asked)).toEqual({ "result.m3u8": 1, "v1.m3u8": 1, "v1.mp4": 1 });
  });

  test.each(["../evil.mp4", "/tmp/evil.mp4", "..\\evil.mp4", ".bashrc", "https://evil.test/a.mp4"])(
    "never leaves its folder: %s is refused before anything is written",
    async (name) => {
      files = { "result.m3u8": master, "v1.m3u8": `#EXTM3U\n${name}\n`, "evil.mp4": "evil" };
      const saving = saveOutputs(client, jobWith("result.m3u8", master), folder);
      await expect(saving).rejects.toThrow("no plain file name");
      expect(await readdir(path.dirname(folder))).toEqual([]);
    },
  );

  test("has no file that is half there: a line that breaks is tried again", async () => {
    files = {
      "result.m3u8": master,
      "v1.m3u8": "#EXTM3U\nv1.mp4\n",
      "v1.mp4": (response, count) => {
        response.writeHead(200, { "content-length": 10 });
        if (count === 1) response.write("half", () => response.destroy());
        else response.end("0123456789");
      },
    };
    await saveOutputs(client, jobWith("result.m3u8", master), folder);
    expect(await readFile(path.join(folder, "v1.mp4"), "utf8")).toBe("0123456789");
    expect(asked.get("v1.mp4")).toBe(2);
  });

  test("has no playlist whose media could not be had, and leaves no partial file", async () => {
    files = { "result.m3u8": master, "v1.m3u8": "#EXTM3U\nv1.mp4\n" };
    await expect(saveOutputs(client, jobWith("result.m3u8", master), folder)).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
    expect(asked.get("v1.mp4")).toBe(1);
  });

  test("is refused where a listed file has other bytes than the job says", async () => {
    files = { "result.m3u8": "#EXTM3U\nother.m3u8\n" };
    const saving = saveOutputs(client, jobWith("result.m3u8", master), folder);
    await expect(saving).rejects.toThrow(/SHA-256/);
    expect(asked.has("other.m3u8")).toBe(false);
  });

  test("stops when it is told to, and says how to go on", async () => {
    const stop = new AbortController();
    files = {
      "result.m3u8": master,
      "v1.m3u8": "#EXTM3U\nv1.mp4\n",
      "v1.mp4": (response) => {
        response.writeHead(200, { "content-length": 10 });
        response.write("half", () => stop.abort());
      },
    };
    const saving = saveOutputs(client, jobWith("result.m3u8", master), folder, {
      signal: stop.signal,
    });
    await expect(saving).rejects.toThrow(`telecine job job_1 --out ${folder}`);
    expect(await readdir(folder)).toEqual([]);
  });
});
