/** The sandbox, by real namespaces and real ffmpeg: what works in it, and what nothing gets out of it. */
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdtemp, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkOutput, probeSource, resolveTools, runStep } from "../../worker-node/ffmpeg/index.ts";
import { runProcess } from "../../worker-node/ffmpeg/process.ts";
import { openNamespaces } from "../../worker-node/sandbox/namespaces.ts";
import { proveSandbox } from "../../worker-node/sandbox/prove.ts";
import { parseMounts, readOnlyOptions, viewOf } from "../../worker-node/sandbox/view.ts";
import { fileUpstream } from "../../worker-node/source/file-upstream.ts";
import { isRunning, makeMp4, scratch, stepOf } from "./ffmpeg/support.ts";
import { hasNamespaces, sandboxed, startCanary } from "./support/sandboxed.ts";

const { signal } = new AbortController();

/** Copies a file's bytes, whatever they are. */
const copyOf = (file: string, target: string) => [
  ...["-f", "data", "-i", `file:${file}`, "-map", "0", "-c", "copy", "-f", "data", target],
];

describe("the file system that a tool sees", () => {
  const view = viewOf({
    programs: ["/usr/bin/ffmpeg", "/home/me/tools/ffprobe"],
    scratch: "/tmp/scratch",
    tmp: "/tmp",
    devices: ["null", "sda", "nvidia0", "nvidia-uvm", "dri", "mem", "kmsg"],
    libraries: ["/opt/libs"],
  });

  test("has programs, libraries and graphics cards, and neither homes nor disks", () => {
    expect(view.readOnly).toEqual(
      expect.arrayContaining([
        "/usr",
        "/home/me/tools/ffprobe",
        "/opt/libs",
        "/dev/nvidia-uvm",
        "/dev/dri",
      ]),
    );
    for (const hidden of [
      "/home",
      "/home/me/tools",
      "/root",
      "/etc",
      "/var",
      "/dev",
      "/dev/sda",
      "/dev/mem",
    ]) {
      expect(view.readOnly).not.toContain(hidden);
    }
  });

  test("can be written in scratch alone", () => {
    expect(view.writable).toEqual(["/tmp/scratch"]);
  });

  test("keeps of its mounts what a user namespace may not take away", () => {
    const [mount] = parseMounts("1 2 0:3 / /a\\040b rw,nosuid,nodev,relatime - tmpfs tmpfs rw\n");
    expect(mount).toMatchObject({ path: "/a b" });
    expect(mount && readOnlyOptions(mount)).toBe("remount,bind,ro,nosuid,nodev");
  });
});

// Containers and hardened systems may forbid namespaces: the agent then says so, and so does this line.
describe.skipIf(!hasNamespaces)("a sandbox (needs user namespaces)", async () => {
  const tools = await resolveTools(process.env);
  const clips = await scratch();
  const clip = join(clips, "clip.mp4");
  await makeMp4(tools, clip, { seconds: 1 });
  const inside = await sandboxed(tools);
  const plain = await sandboxed(tools, "off");
  const canary = await startCanary();

  const run = (where: typeof inside, args: readonly string[]) =>
    runProcess({
      command: where.tools.ffmpeg,
      args: ["-nostdin", "-v", "error", "-y", ...args],
      cwd: where.scratch,
      confinement: where.tools.confinement,
      signal,
      timeoutMs: 20_000,
    });

  test("is as tight as this system was just found to allow", () => {
    expect(inside.sandbox).toMatchObject({ level: "full", why: null });
    expect(plain.sandbox).toMatchObject({ level: "none", why: "switched off" });
  });

  test("lets a source through probing, encoding and the gate", async () => {
    const { size } = await stat(clip);
    const served = inside.server.serve(fileUpstream(clip, size, "video/mp4"));
    const workDir = await mkdtemp(join(inside.scratch, "work-"));
    const probed = await probeSource(inside.tools, { ...served, signal });
    expect(probed).toMatchObject({ status: "ok", source: { video: { codec: "h264" } } });
    const ran = await runStep(inside.tools, stepOf(), {
      inputUrl: () => served.url,
      scratchDir: workDir,
      signal,
      onProgress: () => {},
      stallMs: 20_000,
    });
    expect(ran).toMatchObject({ status: "ok" });
    const checked = await checkOutput(
      inside.tools,
      join(workDir, "out.mp4"),
      {
        key: "out_1",
        file: "out.mp4",
        format: "mp4",
        video: { codec: "h264", width: 320, height: 180, frames: 10 },
        audio: null,
        durationSeconds: 1,
        durationToleranceSeconds: 0.1,
      },
      signal,
    );
    expect(checked).toMatchObject({ status: "ok" });
    served.close();
  });

  test("shuts a server out that ffmpeg reaches without it", async () => {
    const asked = ["-i", canary.url, "-f", "null", "-"];
    await run(inside, asked);
    expect(canary.touched()).toBe(0);
    await run(plain, asked);
    expect(canary.touched()).toBeGreaterThan(0);
  });

  test("shows a tool that lies in somebody's home, and nothing that lies beside it", async () => {
    const home = await mkdtemp(join(clips, "home-"));
    const own = join(home, "ffmpeg");
    await copyFile(tools.ffmpeg, own);
    const secret = join(home, "id_rsa");
    await writeFile(secret, "a secret");
    const there = await sandboxed({ ...tools, ffmpeg: own });
    expect(there.sandbox.level).toBe("full");
    const copied = await run(there, copyOf(secret, "file:got"));
    expect(copied.stderr.join("\n")).toContain("No such file");
    expect(existsSync(join(there.scratch, "got"))).toBe(false);
  });

  test("shows what a tool that is a script calls, and nothing else of where that lies", async () => {
    const home = await mkdtemp(join(clips, "wrapped-"));
    const elsewhere = await mkdtemp(join(clips, "elsewhere-"));
    const secret = join(elsewhere, "secret");
    await writeFile(secret, "a secret");
    const program = async (path: string, bytes: string | null) => {
      if (bytes === null) await copyFile(tools.ffmpeg, path);
      else await writeFile(path, bytes);
      await chmod(path, 0o755);
      return path;
    };
    const real = await program(join(elsewhere, "ffmpeg-7"), null);
    await program(join(home, "ffmpeg.real"), `#!/bin/sh\nexec '${real}' "$@"\n`);
    const own = await program(
      join(home, "ffmpeg"),
      `#!/usr/bin/env sh\n# See ${secret}\nexec "$(dirname "$0")/ffmpeg.real" "$@"\n`,
    );
    const there = await sandboxed({ ...tools, ffmpeg: own });
    expect(there.sandbox).toMatchObject({ level: "full", why: null });
    const copied = await run(there, copyOf(secret, "file:got"));
    expect(copied.stderr.join("\n")).toContain("No such file");
  });

  test("tells of a script that finds its program by another way", async () => {
    const home = await mkdtemp(join(clips, "hidden-"));
    const own = join(home, "ffmpeg");
    await copyFile(tools.ffmpeg, join(home, "real"));
    await writeFile(own, `#!/bin/sh\nname=re; exec "${home}/\${name}al" "$@"\n`);
    await chmod(own, 0o755);
    const there = await sandboxed({ ...tools, ffmpeg: own });
    expect(there.sandbox).toMatchObject({
      level: "network",
      why: expect.stringContaining("if it is a script"),
    });
  });

  test("shuts files out that ffmpeg reads and writes without it", async () => {
    const secret = join(clips, "secret");
    await writeFile(secret, "a secret");
    const read = copyOf(secret, "c");
    const target = join(clips, "written.wav");
    const write = ["-f", "lavfi", "-i", "anullsrc", "-t", "0.1", "-f", "wav", target];
    await run(inside, read);
    await run(inside, write);
    expect([existsSync(join(inside.scratch, "c")), existsSync(target)]).toEqual([false, false]);
    await run(plain, read);
    await run(plain, write);
    expect([existsSync(join(plain.scratch, "c")), existsSync(target)]).toEqual([true, true]);
  });

  test("leaves a tool no privilege and no way to one", async () => {
    const { stdout } = await runProcess({
      command: "/usr/bin/cat",
      args: ["/proc/self/status"],
      cwd: inside.scratch,
      confinement: inside.tools.confinement,
      signal,
      maxStdout: 10_000,
    });
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      expect(stdout).toMatch(new RegExp(`^${set}:\\t0+$`, "m"));
    }
    expect(stdout).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test("does not keep a tool alive that is deaf to SIGTERM, nor its children", async () => {
    const stop = new AbortController();
    const pids: string[] = [];
    const deaf = "trap '' TERM; while :; do :; done";
    const ended = await runProcess({
      command: "/bin/sh",
      args: ["-c", `trap '' TERM; (${deaf}) & echo $! $$; ${deaf}`],
      cwd: inside.scratch,
      confinement: inside.tools.confinement,
      signal: stop.signal,
      onStdoutLine: (line) => {
        pids.push(...line.split(" "));
        stop.abort();
      },
    });
    expect(ended).toMatchObject({ end: { kind: "aborted" }, signal: "SIGKILL" });
    expect(pids).toHaveLength(2);
    expect(pids.map(Number).filter(isRunning)).toEqual([]);
  });

  test("that has a hole is not believed", async () => {
    const opened = await openNamespaces({ port: plain.server.port, ownUsers: true, view: null });
    if (opened.status === "failed") throw new Error(opened.why);
    const { listener, close, ...namespaces } = opened.namespaces;
    plain.server.adopt(listener);
    const prove = (claimed: typeof namespaces | null) =>
      proveSandbox({
        tools: { ...tools, confinement: { ...tools.confinement, namespaces: claimed } },
        ...{ scratch: plain.scratch, port: plain.server.port, listener, signal },
      });
    // Nobody came from inside; then the network holds; then files are claimed that are open to all.
    expect(await prove(null)).toBe("the source cannot be reached from it");
    expect(await prove(namespaces)).toBeNull();
    expect(await prove({ ...namespaces, hasOwnFiles: true })).toBe(
      "a file outside can be read from it",
    );
    close();
  });
});
