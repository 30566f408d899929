import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { listDevices } from "../../../worker-node/ffmpeg/devices.ts";
import { candidatesOf, parseEncoders } from "../../../worker-node/ffmpeg/encoder-candidates.ts";

function listed(version: string): Set<string> {
  return parseEncoders(
    readFileSync(new URL(`fixtures/encoders-${version}.txt`, import.meta.url), "utf8"),
  );
}

const noDevices = { cuda: [], render: [], videotoolbox: false };

describe("a listing of encoders", () => {
  it("gives the names of video encoders, not the legend and not the sound", () => {
    const names = listed("5.1");
    expect(names).toContain("libx264");
    expect(names).toContain("libvpx-vp9");
    expect(names).toContain("h264_nvenc");
    expect(names).not.toContain("aac");
    expect([...names].every((name) => /^[a-z0-9_-]+$/.test(name))).toBe(true);
  });

  it.each([
    ["4.1", ["libx264", "libx265", "libvpx-vp9"]],
    ["5.1", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"]],
    ["7.0", ["libx264", "libx265", "libvpx-vp9"]],
  ])("of ffmpeg %s names these software encoders", (version, expected) => {
    const candidates = candidatesOf(listed(version), noDevices);
    expect(candidates.map(({ encoder }) => encoder)).toEqual(expected);
  });

  it("is not enough: an encoder without a device to run on is not even tried", () => {
    expect(listed("5.1")).toContain("h264_nvenc");
    const candidates = candidatesOf(listed("5.1"), noDevices);
    expect(candidates.every(({ device }) => device === "cpu")).toBe(true);
  });

  it("puts hardware before software, and each card by itself", () => {
    const candidates = candidatesOf(listed("5.1"), { ...noDevices, cuda: ["0", "1"] });
    expect(candidates.slice(0, 4).map(({ encoder, device }) => `${encoder} ${device}`)).toEqual([
      "h264_nvenc cuda:0",
      "hevc_nvenc cuda:0",
      "h264_nvenc cuda:1",
      "hevc_nvenc cuda:1",
    ]);
  });
});

describe("devices", () => {
  const files: Record<string, string[]> = {
    "/dev": ["null", "nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"],
    "/dev/dri": ["card0", "renderD129", "renderD128"],
  };
  const list = async (dir: string) => files[dir] ?? [];

  it("are what the system shows", async () => {
    expect(await listDevices("linux", {}, list)).toEqual({
      cuda: ["0", "1"],
      render: ["/dev/dri/renderD128", "/dev/dri/renderD129"],
      videotoolbox: false,
    });
    expect(await listDevices("darwin", {}, list)).toEqual({
      cuda: [],
      render: [],
      videotoolbox: true,
    });
  });

  it("of NVIDIA are those that the agent is confined to", async () => {
    const confined = await listDevices("linux", { CUDA_VISIBLE_DEVICES: "1" }, list);
    expect(confined.cuda).toEqual(["0"]);
    expect((await listDevices("linux", { CUDA_VISIBLE_DEVICES: "-1" }, list)).cuda).toEqual([]);
  });

  it("are none on a machine that has none", async () => {
    expect(await listDevices("linux", {}, async () => [])).toEqual(noDevices);
  });
});
