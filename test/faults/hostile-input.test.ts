/**
 * The sandbox against arguments and playlists that no check has seen: run as they stand, they must touch nothing. Where
 * strace is installed, the system calls are the witness; canaries are always.
 */
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { sourceWhitelists } from "../../worker-node/ffmpeg/argv.ts";
import { resolveTools, type Tools } from "../../worker-node/ffmpeg/index.ts";
import { runProcess } from "../../worker-node/ffmpeg/process.ts";
import { fileUpstream } from "../../worker-node/source/file-upstream.ts";
import { aimed, hostileVectors } from "../protocol/command/hostile.ts";
import { makeMp4, scratch } from "../worker-node/ffmpeg/support.ts";
import { addresses, disguises } from "../worker-node/support/disguises.ts";
import {
  hasNamespaces,
  type Sandboxed,
  sandboxed,
  startCanary,
} from "../worker-node/support/sandboxed.ts";
import { countOf, inLanes, isFullRun } from "./support/counts.ts";
import { report } from "./support/figures.ts";
import { hasStrace, readTrace, tracedTool, trespasses } from "./support/strace.ts";

const RAW = countOf("TELECINE_FAULTS_HOSTILE", { full: hostileVectors.length, smoke: 8 });
const PLAYLISTS = countOf("TELECINE_FAULTS_PLAYLISTS", { full: disguises.length, smoke: 6 });
/** Some wait for a terminal or a packet that never comes: they take a lane and no processor. */
const LANES = 6;
/** What a command opens it opens at once. */
const RUN_MS = 2_000;
const plain = await resolveTools(process.env);
// A sandbox shows the traced tool alone, which is a script: what it starts must be the system's.
const isTraced = hasStrace && plain.ffmpeg.startsWith("/usr/");
const witness = isTraced
  ? "under strace"
  : "by canaries alone (strace, or a system's ffmpeg for it, is not installed)";

/** Evenly taken, so that a short run meets every kind. */
function some<T>(all: readonly T[], count: number): T[] {
  return all.filter(
    (_, at) =>
      Math.floor((at * count) / all.length) !== Math.floor(((at - 1) * count) / all.length),
  );
}

describe.skipIf(!hasNamespaces)("in a sandbox (needs user namespaces)", async () => {
  const dir = await scratch();
  const clip = path.join(dir, "clip.mp4");
  await makeMp4(plain, clip, { seconds: 1 });
  const tools: Tools = isTraced ? { ...plain, ffmpeg: await tracedTool(dir, plain.ffmpeg) } : plain;
  const inside = await sandboxed(tools);
  const open = await sandboxed(tools, "off");
  const canary = await startCanary();
  const { size } = await stat(clip);

  /** What a run touched: of the canaries, and, traced, of everything else. */
  const touchedBy = async (where: Sandboxed, args: readonly string[], secret: string) => {
    const before = canary.touched();
    const cwd = await mkdtemp(path.join(where.scratch, "run-"));
    const result = await runProcess({
      command: where.tools.ffmpeg,
      args: ["-nostdin", "-y", ...args],
      cwd,
      confinement: where.tools.confinement,
      signal: new AbortController().signal,
      timeoutMs: RUN_MS,
      maxFileBytes: 10_000_000,
    });
    const found: string[] = [];
    if (canary.touched() > before) found.push("the server was reached");
    if ((await readFile(secret, "utf8").catch(() => "")) !== SECRET) found.push("the file changed");
    if (await copiedTo(cwd)) found.push("the file was read");
    if (isTraced) {
      const log = await readTrace(cwd);
      if (log === "") found.push("nothing was traced");
      found.push(
        ...trespasses(log, {
          scratch: where.scratch,
          port: where.server.port,
          hasOwnNetwork: where.sandbox.level !== "none",
        }),
      );
    }
    return { found, result };
  };

  const SECRET = "#EXTM3U the secret of the box\n";
  const newSecret = async () => {
    const folder = await mkdtemp(path.join(dir, "secret-"));
    const secret = path.join(folder, "secret.txt");
    await writeFile(secret, SECRET);
    return secret;
  };
  const copiedTo = async (cwd: string) =>
    (await readFile(path.join(cwd, "copy"), "utf8").catch(() => "")).includes("secret of the box");
  const copyOf = (input: string, ...before: readonly string[]) => [
    ...before,
    ...["-i", input, "-map", "0", "-c", "copy", "-f", "data", "file:copy"],
  ];

  test(
    `${RAW} hostile commands, run unchecked, touch nothing outside, ${witness}`,
    async () => {
      const served = inside.server.serve(fileUpstream(clip, size, "video/mp4"));
      const faults: string[] = [];
      await inLanes(some(hostileVectors, RAW), LANES, async (hostile) => {
        const secret = await newSecret();
        const { args } = aimed(hostile, secret, canary.url);
        const filled = args.map((argument) =>
          argument.replaceAll("{{input}}", served.url).replaceAll("{{output}}", "file:out.mp4"),
        );
        const { found } = await touchedBy(inside, filled, secret);
        faults.push(...found.map((fault) => `${hostile.line}: ${fault}`));
      });
      report("hostile commands", {
        vectors: RAW,
        traced: isTraced ? "yes" : "no",
        faults: faults.length,
      });
      expect(faults).toEqual([]);
    },
    RAW * RUN_MS + 60_000,
  );

  test(
    `${PLAYLISTS} disguised playlists and every kind of address touch nothing, whitelists or not, ${witness}`,
    async () => {
      const faults: string[] = [];
      const check = async (name: string, args: readonly string[], secret: string) => {
        const { found } = await touchedBy(inside, args, secret);
        faults.push(...found.map((fault) => `${name}: ${fault}`));
      };
      await inLanes(some(disguises, PLAYLISTS), LANES, async ({ name, text }) => {
        const secret = await newSecret();
        const disguised = path.join(path.dirname(secret), "disguised.mp4");
        await writeFile(disguised, text({ file: secret, url: canary.url, port: canary.port }));
        const bytes = (await stat(disguised)).size;
        const served = inside.server.serve(fileUpstream(disguised, bytes, "video/mp4"));
        await check(
          `${name}, behind whitelists`,
          copyOf(served.url, ...sourceWhitelists()),
          secret,
        );
        const everything = "file,http,tcp,crypto,data,concat,subfile,udp,rtp,rtmp,gopher";
        await check(name, copyOf(served.url, "-protocol_whitelist", everything), secret);
        served.close();
      });
      for (const { name, text } of some(addresses, isFullRun ? addresses.length : 3)) {
        const secret = await newSecret();
        const address = text({ file: secret, url: canary.url, port: canary.port });
        await check(name, copyOf(address, "-f", "data"), secret);
      }
      report("disguised playlists", { playlists: PLAYLISTS, faults: faults.length });
      expect(faults).toEqual([]);
    },
    (PLAYLISTS * 2 + addresses.length) * RUN_MS + 60_000,
  );

  test("the same check finds what is touched when the sandbox is taken out", async () => {
    const secret = await newSecret();
    const read = await touchedBy(open, copyOf(`file:${secret}`, "-f", "data"), secret);
    expect(read.found).toContain("the file was read");
    const written = ["-f", "lavfi", "-i", "anullsrc", "-t", "0.1", "-f", "wav", `file:${secret}`];
    const wrote = await touchedBy(open, written, secret);
    expect(wrote.found).toContain("the file changed");
    const reached = await touchedBy(open, ["-i", canary.url, "-f", "null", "-"], await newSecret());
    expect(reached.found).toContain("the server was reached");
    if (isTraced) {
      // Beside the canaries, the calls themselves were seen.
      for (const { found } of [read, wrote, reached]) expect(found.length).toBeGreaterThan(1);
    }
  });

  test("the same check finds what a playlist opens when whitelist and sandbox are taken out", async () => {
    const disguised = path.join(dir, "open.m3u8");
    await writeFile(
      disguised,
      `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${canary.url}\n#EXT-X-ENDLIST\n`,
    );
    const served = open.server.serve(fileUpstream(disguised, (await stat(disguised)).size, "x/y"));
    const secret = await newSecret();
    const behind = await touchedBy(open, copyOf(served.url, ...sourceWhitelists()), secret);
    expect(behind.found.filter((fault) => fault.includes("server"))).toEqual([]);
    const without = await touchedBy(open, copyOf(served.url, "-f", "hls"), secret);
    expect(without.found).toContain("the server was reached");
  });
});
