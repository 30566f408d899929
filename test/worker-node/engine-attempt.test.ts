/** Attempts on VAAPI, Quick Sync and VideoToolbox that are made up (`ffmpeg/media-engine.ts`): what comes out is real. */
import { describe, expect, test } from "vitest";
import type { EncoderCapability } from "../../protocol/media.ts";
import type { Work } from "../../protocol/task.ts";
import { createDevices } from "../../worker-node/devices.ts";
import { type Engine, type EngineKind, mediaEngine } from "./ffmpeg/media-engine.ts";
import { attemptOn, CPU, narrower, setStage } from "./support/device-attempt.ts";

const { real, dir, source } = await setStage();

const NODE = "/dev/dri/renderD128";
const deviceOf = { vaapi: `vaapi:${NODE}`, qsv: `qsv:${NODE}`, videotoolbox: "videotoolbox" };
const kinds: readonly EngineKind[] = ["vaapi", "qsv", "videotoolbox"];

function proved(kind: EngineKind): EncoderCapability {
  return {
    ...{ encoder: `h264_${kind}`, codec: "h264", device: deviceOf[kind] },
    ...{ bitDepths: [8], maxSessions: 4, ...(kind === "vaapi" ? { decodes: ["h264:8"] } : {}) },
  };
}

async function run(kind: EngineKind, change: Partial<Engine>, work: Work = narrower) {
  const engine = await mediaEngine(real, dir, kind, change);
  const devices = createDevices([proved(kind), CPU], { now: () => 0 });
  const isLadder = work.mode === "recipe" && work.recipe.name === "hls";
  const { next, stored } = await attemptOn({
    ...{ tools: engine.tools, devices, source, work },
    ...(isLadder ? { outputs: { out_1: { filename: "a.m3u8", format: "hls" } } } : {}),
  });
  const message = await next("complete");
  if (message.type !== "complete") throw new Error(message.type);
  return { engine, devices, stored, report: message.engine, outputs: message.outputs };
}

const words = {
  vaapi: { filters: /-hwaccel vaapi .*-hwaccel_device hw .*scale_vaapi=w=200:h=112:format=nv12/ },
  qsv: { filters: /scale=w=200:h=112.*format=pix_fmts=nv12 / },
  videotoolbox: { filters: /scale=w=200:h=112.*format=pix_fmts=nv12 / },
};

describe.each(kinds)("%s", (kind) => {
  test("encodes on the device, and what comes out passes the gate", async () => {
    const { engine, report, outputs } = await run(kind, {});
    expect(report).toMatchObject({ device: deviceOf[kind], encoder: `h264_${kind}`, exitCode: 0 });
    expect(outputs[0]?.media).toMatchObject({ width: 200, videoCodec: "h264" });
    const [argv = []] = await engine.asked();
    expect(argv.join(" ")).toMatch(words[kind].filters);
  });

  test("makes a ladder whose renditions can be changed at every segment", async () => {
    const ladder: Work = { mode: "recipe", recipe: { name: "hls", segmentSeconds: 1 } };
    const { report, stored } = await run(kind, {}, ladder);
    expect(report).toMatchObject({ device: deviceOf[kind], exitCode: 0 });
    const playlists = [...stored.values()]
      .map((bytes) => bytes.toString("latin1"))
      .filter((text) => text.startsWith("#EXTM3U") && text.includes("#EXTINF"));
    expect(playlists.length).toBeGreaterThan(1);
    // Two seconds in segments of one: two of them, because key frames stand where they were asked for.
    for (const text of playlists) expect(text.match(/#EXTINF/g)?.length).toBeGreaterThan(1);
  });

  test.each([5, 7] as const)(
    "dies in the middle, as ffmpeg %d says it: software goes on, the ledger says why, the device rests",
    async (speaks) => {
      const { devices, report, outputs } = await run(kind, { speaks, failsAfterFrames: 5 });
      expect(report).toMatchObject({ device: "cpu", encoder: "libx264", exitCode: 0 });
      expect(report.log.join("\n")).toContain(`${deviceOf[kind]} failed and rests for 5 minutes`);
      expect(outputs[0]?.media.durationSeconds).toBeCloseTo(2, 1);
      expect(devices.encoders()).toEqual([CPU]);
    },
  );

  test("has no session left: software does it, and the device is asked again after a minute", async () => {
    const { devices, report } = await run(kind, { sessions: 0 });
    expect(report).toMatchObject({ device: "cpu", exitCode: 0 });
    expect(report.log.join("\n")).toContain("has no session left for a minute");
    expect(devices.encoders()).toEqual([CPU]);
  });

  test("says what no list of words has: software does it all the same, and the device rests", async () => {
    const { devices, report } = await run(kind, { says: ["@ A sentence of next year's ffmpeg."] });
    expect(report).toMatchObject({ device: "cpu", exitCode: 0 });
    expect(report.log.join("\n")).toContain("A sentence of next year's ffmpeg.");
    expect(devices.encoders()).toEqual([CPU]);
  });
});

test.each([
  [
    "vaapi",
    "@ Hardware does not support encoding at size 200x112 (constraints: width 256-4096 height 128-4096).",
  ],
  ["qsv", "@ Error initializing the encoder: invalid video parameters (-15)"],
  ["videotoolbox", "@ Error: -q:v qscale not available for encoder. Use -b:v bitrate instead."],
] as const)("a picture that %s cannot take costs the device nothing", async (kind, line) => {
  const { devices, report } = await run(kind, { says: [line] });
  expect(report).toMatchObject({ device: "cpu", exitCode: 0 });
  expect(devices.encoders()).toEqual([proved(kind), CPU]);
});

test("a device that gives no frame back and says nothing of it is fallen back from, and not blamed: the source may have had none", async () => {
  const { devices, report } = await run("qsv", { isMute: true });
  expect(report).toMatchObject({ device: "cpu", encoder: "libx264", exitCode: 0 });
  expect(report.log.join("\n")).toContain("failed and cannot do this");
  expect(devices.encoders()).toEqual([proved("qsv"), CPU]);
});

test("VAAPI that cannot decode the source is handed what the CPU decodes", async () => {
  const { engine, report } = await run("vaapi", { decodes: [] });
  expect(report).toMatchObject({ device: deviceOf.vaapi, encoder: "h264_vaapi", exitCode: 0 });
  expect(report.log.join("\n")).toContain("is handed what the CPU decodes");
  const [, second = []] = await engine.asked();
  expect(second.join(" ")).toContain("format=pix_fmts=nv12,hwupload,scale_vaapi=");
  expect(second).not.toContain("-hwaccel");
});

test.each(["vaapi", "qsv"] as const)("a render node of %s that is gone rests", async (kind) => {
  const { devices, report } = await run(kind, { nodes: [] });
  expect(report).toMatchObject({ device: "cpu", exitCode: 0 });
  expect(report.log.join("\n")).toContain("No VA display found");
  expect(devices.encoders()).toEqual([CPU]);
});
