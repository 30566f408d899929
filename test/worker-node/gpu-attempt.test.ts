/** Attempts on a graphics card that is made up (`ffmpeg/gpu.ts`): what it does right is real, and so is what follows when it fails. */
import { describe, expect, test } from "vitest";
import type { EncoderCapability } from "../../protocol/media.ts";
import type { Work } from "../../protocol/task.ts";
import { createDevices, type Devices } from "../../worker-node/devices.ts";
import { type Card, type GraphicsCard, graphicsCard } from "./ffmpeg/gpu.ts";
import { attemptOn, CPU, type NextMessage, narrower, setStage } from "./support/device-attempt.ts";

const { real, dir, source } = await setStage();

const GPU: EncoderCapability = {
  encoder: "h264_nvenc",
  codec: "h264",
  device: "cuda:0",
  bitDepths: [8],
  maxSessions: 8,
  decodes: ["h264:8"],
};

interface Ran {
  readonly card: GraphicsCard;
  readonly devices: Devices;
  /** The message that ended the attempt. */
  readonly next: NextMessage;
}

async function run(
  change: Partial<Card>,
  work: Work = narrower,
  devices = createDevices([GPU, CPU], { now: () => 0 }),
): Promise<Ran> {
  const card = await graphicsCard(real, dir, change);
  const { next } = await attemptOn({ tools: card.tools, devices, source, work });
  return { card, devices, next };
}

async function completed(ran: Ran) {
  const message = await ran.next("complete");
  if (message.type !== "complete") throw new Error(message.type);
  return message;
}

test("decodes, scales and encodes on the card, and what comes out passes the gate", async () => {
  const ran = await run({});
  const { engine, outputs } = await completed(ran);
  expect(engine).toMatchObject({ device: "cuda:0", encoder: "h264_nvenc", exitCode: 0 });
  expect(outputs[0]?.media).toMatchObject({ width: 200, videoCodec: "h264" });
  const [argv = []] = await ran.card.asked();
  expect(argv.join(" ")).toMatch(/-hwaccel cuda .*-i .*scale_cuda=w=200:h=112.*-c:v h264_nvenc/);
});

describe("falls back in the same attempt, and the ledger says why", () => {
  test.each<[string, Partial<Card>, RegExp]>([
    ["in ffmpeg 5's words", { speaks: 5, exhausted: "out of memory (10)" }, /out of memory \(10\)/],
    ["in ffmpeg 7's", { speaks: 7, exhausted: "incompatible client key (21)" }, /key \(21\)/],
  ])("when no session is left, %s", async (_, words, said) => {
    const ran = await run({ ...words, sessions: 0 });
    const { engine } = await completed(ran);
    expect(engine).toMatchObject({ device: "cpu", encoder: "libx264", exitCode: 0 });
    expect(engine.log.join("\n")).toMatch(said);
    expect(engine.log.join("\n")).toContain("cuda:0 failed and has no session left for a minute");
  });

  test.each([5, 7] as const)(
    "when it fails in the middle, as ffmpeg %d says it, and the device rests",
    async (speaks) => {
      const ran = await run({ speaks, failsAfterFrames: 5 });
      const { engine, outputs } = await completed(ran);
      expect(engine).toMatchObject({ device: "cpu", encoder: "libx264" });
      expect(engine.log.join("\n")).toContain("EncodePicture failed");
      expect(outputs[0]?.media.durationSeconds).toBeCloseTo(2, 1);
      expect(ran.devices.encoders()).toEqual([CPU]);
    },
  );

  test("when the gate refuses what it made, and the device rests", async () => {
    const ran = await run({ missizes: "card" });
    const { engine, outputs } = await completed(ran);
    expect(engine).toMatchObject({ device: "cpu", encoder: "libx264", exitCode: 0 });
    expect(engine.log.join("\n")).toContain(
      "cuda:0 made what was refused (result.mp4: width 200 was promised, but it has 64.); done again without it",
    );
    expect(outputs[0]?.media).toMatchObject({ width: 200, height: 112 });
    expect(ran.devices.encoders()).toEqual([CPU]);
  });

  test("when it cannot decode the source: the CPU decodes, and the card goes on encoding", async () => {
    const ran = await run({ decodes: [] });
    const { engine } = await completed(ran);
    expect(engine).toMatchObject({ device: "cuda:0", encoder: "h264_nvenc", exitCode: 0 });
    expect(engine.log.join("\n")).toContain("is handed what the CPU decodes");
    const [, second = []] = await ran.card.asked();
    expect(second.join(" ")).toContain("hwupload_cuda");
    expect(second).not.toContain("-hwaccel");
  });
});

test("what the gate refuses of the only device there is fails the attempt, and the device rests", async () => {
  const ran = await run({ missizes: "card" }, narrower, createDevices([GPU], { now: () => 0 }));
  expect(await ran.next("fail")).toMatchObject({
    ...{ code: "ENGINE_INVALID_RESPONSE", retryable: true },
  });
  expect(ran.devices.encoders()).toEqual([]);
});

test("what software makes as wrong costs the device nothing", async () => {
  const ran = await run({ missizes: "all" });
  expect(await ran.next("fail")).toMatchObject({ engine: { device: "cpu", encoder: "libx264" } });
  expect(ran.devices.encoders()).toEqual([GPU, CPU]);
});

test("a device that rests, where nothing else can: the lease goes back and no attempt is used up", async () => {
  const devices = createDevices([GPU], { now: () => 0 });
  devices.failed("cuda:0", "driver");
  const ran = await run({}, narrower, devices);
  expect(await ran.next("release")).toMatchObject({ reason: "device_resting" });
  expect(await ran.card.asked()).toEqual([]);
});
