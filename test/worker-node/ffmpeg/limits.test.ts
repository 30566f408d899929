import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import {
  dataLimitBytes,
  defaultMemoryBytes,
  UNCONFINED,
} from "../../../worker-node/ffmpeg/confinement.ts";
import { type LaunchRequest, launchArgv, toolEnv } from "../../../worker-node/ffmpeg/launch.ts";
import { truncationDetail } from "../../../worker-node/ffmpeg/truncation.ts";
import { passedLimit } from "../../../worker-node/ffmpeg/usage-watch.ts";
import { createWatchdog } from "../../../worker-node/ffmpeg/watchdog.ts";

describe("a watchdog", () => {
  it("calls a run stalled when nothing has changed for the time allowed, not before", () => {
    const watchdog = createWatchdog(1000, 0);
    expect(watchdog.isStalled([0, 0], 500)).toBe(false);
    expect(watchdog.isStalled([0, 0], 1499)).toBe(false);
    expect(watchdog.isStalled([0, 0], 1500)).toBe(true);
  });

  it("counts any movement, backwards too: a finished file that is rewritten may shrink", () => {
    const watchdog = createWatchdog(1000, 0);
    expect(watchdog.isStalled([1, 5], 900)).toBe(false);
    expect(watchdog.isStalled([1, 4], 1800)).toBe(false);
    expect(watchdog.isStalled([1, null], 2700)).toBe(false);
    expect(watchdog.isStalled([1, null], 3700)).toBe(true);
  });
});

describe("a source is truncated", () => {
  it("when more than 1 s and more than 2 % of it are missing", () => {
    expect(truncationDetail(57, 60)).toMatch(
      /after 57.0 s, before its declared duration of 60.0 s/,
    );
    expect(truncationDetail(59.5, 60)).toBeNull();
    expect(truncationDetail(990, 1000)).toBeNull();
    expect(truncationDetail(979, 1000)).not.toBeNull();
  });

  it("never by what is unknown, nor by being longer", () => {
    expect(truncationDetail(null, 60)).toBeNull();
    expect(truncationDetail(1, null)).toBeNull();
    expect(truncationDetail(61, 60)).toBeNull();
  });
});

describe("a tool that is looked at", () => {
  const limits = { memoryBytes: 100 * 1024, openFiles: 1, threads: 8 };

  it("has passed a limit when it has more than that, not when it has as much", () => {
    expect(passedLimit("VmRSS:\t     100 kB\nThreads:\t8\n", limits)).toBeNull();
    expect(passedLimit("VmRSS:\t     101 kB\nThreads:\t8\n", limits)?.limit).toBe("memory");
    expect(passedLimit("VmRSS:\t     100 kB\nThreads:\t9\n", limits)?.limit).toBe("threads");
  });

  it("has passed none when it is a zombie, which has no memory any more", () => {
    expect(passedLimit("State:\tZ (zombie)\nThreads:\t1\n", limits)).toBeNull();
  });
});

describe("memory, where nobody has said how much", () => {
  it("is the machine's, shared by the slots, and never too little for one encode", () => {
    expect(defaultMemoryBytes(16 * 2 ** 30, 4)).toBeLessThan(4 * 2 ** 30);
    expect(defaultMemoryBytes(16 * 2 ** 30, 4)).toBeGreaterThan(3 * 2 ** 30);
    expect(defaultMemoryBytes(2 ** 30, 8)).toBe(2 ** 30);
  });
});

describe("a tool is started", () => {
  const launch: LaunchRequest = {
    command: ["/usr/bin/ffmpeg", "-i", "--", "x y"],
    cwd: "/scratch",
    confinement: UNCONFINED,
    maxFileBytes: 1000,
    usesDevice: false,
  };

  it("through what the machine has, the tool's own argv untouched at the end", () => {
    const launchers = { setpriv: "/usr/bin/setpriv", prlimit: "/usr/bin/prlimit" };
    expect(launchArgv(launchers, launch)).toEqual([
      ...["/usr/bin/prlimit", "--core=0", "--nofile=1024", "--fsize=1000", "--"],
      ...["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"],
      ...launch.command,
    ]);
    expect(launchArgv({ setpriv: null, prlimit: null }, launch)).toEqual(launch.command);
  });

  it("in a sandbox without a privilege, dying with its agent, and in its directory as seen inside", () => {
    const launchers = { setpriv: "/usr/bin/setpriv", prlimit: null };
    const namespaces = { enter: ["nsenter", "--net=/x"] as const, hasOwnFiles: true };
    const confinement = { ...UNCONFINED, namespaces };
    expect(launchArgv(launchers, { ...launch, confinement })).toEqual([
      ...["nsenter", "--net=/x", "--"],
      ...["/usr/bin/setpriv", "--pdeathsig", "KILL", "--no-new-privs"],
      ...["--bounding-set", "-all", "--inh-caps", "-all", "--"],
      ...["/usr/bin/env", "-C", "/scratch", "--"],
      ...launch.command,
    ]);
  });

  it("with a wall behind the limit on memory, but for graphics cards, which map more than they use", () => {
    const launchers = { setpriv: null, prlimit: "prlimit" };
    const limits = { ...UNCONFINED.limits, memoryBytes: 2 ** 30 };
    const confinement = { ...UNCONFINED, limits };
    const data = `--data=${dataLimitBytes(2 ** 30, availableParallelism())}`;
    expect(launchArgv(launchers, { ...launch, confinement })).toContain(data);
    expect(launchArgv(launchers, { ...launch, confinement, usesDevice: true })).not.toContain(data);
  });

  it("with an environment of what drivers need, and nothing of the agent's", () => {
    const env = toolEnv(
      {
        PATH: "/bin",
        HOME: "/root",
        TELECINE_WORKER_TOKEN: "wkt_x",
        FFREPORT: "file=/tmp/x",
        http_proxy: "http://p",
        CUDA_VISIBLE_DEVICES: "1",
      },
      "/scratch",
      { CUDA_VISIBLE_DEVICES: "0" },
    );
    expect(env).toEqual({
      LC_ALL: "C",
      AV_LOG_FORCE_NOCOLOR: "1",
      HOME: "/scratch",
      TMPDIR: "/scratch",
      CUDA_VISIBLE_DEVICES: "0",
    });
  });
});
