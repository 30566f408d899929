import { describe, expect, it } from "vitest";
import { launchArgv, toolEnv } from "../../../worker-node/ffmpeg/launch.ts";
import { truncationDetail } from "../../../worker-node/ffmpeg/truncation.ts";
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

describe("a tool is started", () => {
  it("through what the machine has, the tool's own argv untouched at the end", () => {
    const command = ["/usr/bin/ffmpeg", "-i", "--", "x y"] as const;
    const launchers = { setpriv: "/usr/bin/setpriv", prlimit: "/usr/bin/prlimit" };
    expect(launchArgv(launchers, [...command], 1000)).toEqual([
      ...["/usr/bin/prlimit", "--core=0", "--fsize=1000", "--"],
      ...["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"],
      ...command,
    ]);
    expect(launchArgv({ setpriv: null, prlimit: null }, [...command], 1000)).toEqual([...command]);
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
