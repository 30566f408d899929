/** Devices over time, with a clock and timers of the test's own. */
import { describe, expect, test } from "vitest";
import type { EncoderCapability } from "../../protocol/media.ts";
import { createDevices } from "../../worker-node/devices.ts";

const MINUTE = 60_000;
const GPU: EncoderCapability = {
  encoder: "h264_nvenc",
  codec: "h264",
  device: "cuda:0",
  bitDepths: [8],
  maxSessions: 5,
  decodes: ["h264:8"],
};
const CPU: EncoderCapability = {
  encoder: "libx264",
  codec: "h264",
  device: "cpu",
  bitDepths: [8],
  maxSessions: null,
};

/** A device manager whose time passes when the test says so. */
function world(prove?: (device: string) => Promise<readonly EncoderCapability[]>) {
  let now = 0;
  const timers = new Map<() => void, number>();
  const devices = createDevices([GPU, CPU], {
    now: () => now,
    ...(prove === undefined ? {} : { prove }),
    later: (ms, what) => {
      timers.set(what, now + ms);
      return () => timers.delete(what);
    },
  });
  const pass = async (ms: number) => {
    now += ms;
    for (const [what, at] of timers) {
      if (at > now) continue;
      timers.delete(what);
      what();
    }
    // The proof's answer and what follows from it.
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { devices, pass, names: () => devices.encoders().map(({ encoder }) => encoder) };
}

describe("sessions", () => {
  test("that attempts have open are not offered again, and come back once", () => {
    const { devices } = world();
    const first = devices.take("cuda:0", 3);
    expect(devices.encoders()[0]).toMatchObject({ maxSessions: 2 });
    const second = devices.take("cuda:0", 2);
    expect(devices.encoders()).toEqual([CPU]);
    second();
    second();
    first();
    expect(devices.encoders()).toEqual([GPU, CPU]);
  });

  test("that were refused mean fewer for a while, not a dead device", async () => {
    const { devices, pass } = world();
    const end = devices.take("cuda:0", 3);
    expect(devices.failed("cuda:0", "exhausted")).toContain("2 sessions");
    end();
    expect(devices.encoders()[0]).toMatchObject({ encoder: "h264_nvenc", maxSessions: 2 });
    await pass(10 * MINUTE);
    expect(devices.encoders()[0]).toMatchObject({ maxSessions: 5 });
  });

  test("that somebody else holds, all of them, are asked for again after a minute", async () => {
    const { devices, pass, names } = world();
    const end = devices.take("cuda:0", 1);
    devices.failed("cuda:0", "exhausted");
    end();
    expect(names()).toEqual(["libx264"]);
    await pass(MINUTE);
    expect(names()).toEqual(["h264_nvenc", "libx264"]);
  });
});

describe("a device that failed", () => {
  test("rests, is proved again, and is used in its old place as it was found", async () => {
    const { devices, pass, names } = world(async () => [{ ...GPU, maxSessions: 2 }]);
    devices.failed("cuda:0", "driver");
    expect(names()).toEqual(["libx264"]);
    await pass(5 * MINUTE - 1);
    expect(names()).toEqual(["libx264"]);
    await pass(1);
    expect(devices.encoders()[0]).toMatchObject({ encoder: "h264_nvenc", maxSessions: 2 });
  });

  test("is not used before its proof, and rests twice as long each time that fails", async () => {
    const provedAt: number[] = [];
    let minutes = 0;
    const { devices, pass, names } = world(async () => {
      provedAt.push(minutes);
      return [];
    });
    devices.failed("cuda:0", "absent");
    for (minutes = 1; minutes <= 80; minutes++) await pass(MINUTE);
    expect(provedAt).toEqual([5, 15, 35, 75]);
    expect(names()).toEqual(["libx264"]);
    expect(devices.proved()).toEqual([GPU, CPU]);
  });

  test("starts from the shortest rest again once it has worked", async () => {
    const { devices, pass } = world(async () => [GPU]);
    devices.failed("cuda:0", "driver");
    await pass(5 * MINUTE);
    expect(devices.failed("cuda:0", "driver")).toContain("10 minutes");
    await pass(10 * MINUTE);
    devices.worked("cuda:0");
    expect(devices.failed("cuda:0", "driver")).toContain("5 minutes");
  });

  test("a proof that ends after the agent changes nothing", async () => {
    const answer = Promise.withResolvers<readonly EncoderCapability[]>();
    const { devices, pass, names } = world(() => answer.promise);
    devices.failed("cuda:0", "driver");
    await pass(5 * MINUTE);
    devices.close();
    answer.resolve([GPU]);
    await pass(0);
    expect(names()).toEqual(["libx264"]);
  });
});

test("a device that cannot decode is handed pictures first, and rests if that fails too", async () => {
  const { devices, pass } = world();
  devices.failed("cuda:0", "graph");
  expect(devices.encoders()[0]).toMatchObject({ encoder: "h264_nvenc", decodes: [] });
  devices.failed("cuda:0", "graph");
  expect(devices.encoders()).toEqual([CPU]);
  await pass(5 * MINUTE);
  expect(devices.encoders()).toEqual([GPU, CPU]);
});

test("a picture that a device cannot take costs it nothing", () => {
  const { devices } = world();
  devices.failed("cuda:0", "unsupported");
  expect(devices.encoders()).toEqual([GPU, CPU]);
});
