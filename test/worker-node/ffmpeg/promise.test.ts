import { describe, expect, it } from "vitest";
import type { PromisedOutput } from "../../../protocol/plan.ts";
import { createPacketScan } from "../../../worker-node/ffmpeg/packet-scan.ts";
import { type FoundOutput, mismatch } from "../../../worker-node/ffmpeg/promise.ts";
import { toSourceInfo } from "../../../worker-node/ffmpeg/source-info.ts";

/** What ffprobe prints of one packet: a time that it does not know is not there. */
function packet(stream: number, pts: number | null, dts: number | null, flags = "__") {
  const times = [
    ...(pts === null ? [] : [`"pts_time": "${pts.toFixed(6)}"`]),
    ...(dts === null ? [] : [`"dts_time": "${dts.toFixed(6)}"`]),
  ];
  const fields = [`"stream_index": ${stream}`, ...times, `"duration_time": "0.100000"`];
  return `        { ${fields.join(", ")}, "flags": "${flags}" },`;
}

function scan(lines: readonly string[]) {
  const packets = createPacketScan();
  for (const line of lines) packets.push(line);
  return packets.streams();
}

describe("a scan of packets", () => {
  it("leaves out what an edit list discards", () => {
    const streams = scan([
      packet(0, -0.2, -0.2, "KD"),
      packet(0, -0.1, -0.1, "_D"),
      packet(0, 0, 0, "__"),
      packet(0, 0.1, 0.1, "__"),
    ]);
    expect(streams.get(0)).toMatchObject({ presented: 2, start: 0, end: 0.2, fault: null });
  });

  it("finds the second and the last key frame in presentation time", () => {
    const streams = scan([
      packet(0, 0, -0.1, "K__"),
      packet(0, 0.2, 0, "___"),
      packet(0, 0.1, 0.1, "___"),
      packet(0, 0.3, 0.2, "K__"),
      packet(0, 0.4, 0.3, "K__"),
    ]);
    expect(streams.get(0)).toMatchObject({ secondKey: 0.3, lastKey: 0.4, fault: null });
  });

  it("finds time running backwards, and two packets at one time", () => {
    expect(scan([packet(0, 0.2, 0.2), packet(0, 0.1, 0.1)]).get(0)?.fault).toMatch(/backwards/);
    expect(scan([packet(0, 0.1, 0), packet(0, 0.1, 0.1)]).get(0)?.fault).toMatch(/two packets/);
  });

  it("counts packets without times, and keeps streams apart", () => {
    const streams = scan([
      packet(0, null, null, "K_"),
      packet(1, 0, 0),
      '            "side_data_list": [',
      "",
    ]);
    expect(streams.get(0)).toMatchObject({ presented: 1, start: null, end: null, fault: null });
    expect(streams.get(1)?.presented).toBe(1);
  });
});

const found: FoundOutput = {
  source: toSourceInfo(
    {
      format: { format_name: "mov,mp4,m4a,3gp,3g2,mj2", duration: "0.2" },
      streams: [
        {
          index: 0,
          codec_type: "video",
          codec_name: "h264",
          pix_fmt: "yuv420p",
          width: 320,
          height: 180,
        },
        { index: 1, codec_type: "audio", codec_name: "aac", channels: 2, sample_rate: "48000" },
      ],
    },
    1000,
  ),
  packets: scan([packet(0, 0, 0, "K_"), packet(0, 0.1, 0.1), packet(1, 0, 0, "K_")]),
  durationSeconds: 0.2,
};
const promised: PromisedOutput = {
  key: "out_1",
  file: "result.mp4",
  format: "mp4",
  video: { codec: "h264", width: 320, height: 180, frames: 2 },
  audio: { codec: "aac", channels: 2 },
  durationSeconds: 0.2,
  durationToleranceSeconds: 0.05,
};

describe("an output", () => {
  it("is good when it is what was promised, and where nothing particular was", () => {
    expect(mismatch(promised, found)).toBeNull();
    const vague: PromisedOutput = {
      ...promised,
      video: { codec: null, width: null, height: null, frames: null },
      audio: { codec: null, channels: null },
      durationSeconds: null,
    };
    expect(mismatch(vague, found)).toBeNull();
  });

  const video = { codec: "h264", width: 320, height: 180, frames: 2 } as const;
  const cases: [Partial<PromisedOutput>, string][] = [
    [{ video: null }, "no video was promised, but it has video"],
    [{ audio: null }, "no audio was promised, but it has audio"],
    [{ video: { ...video, codec: "hevc" } }, "video codec hevc was promised, but it has h264"],
    [{ video: { ...video, width: 640 } }, "width 640 was promised, but it has 320"],
    [{ video: { ...video, height: 360 } }, "height 360 was promised, but it has 180"],
    [{ video: { ...video, frames: 3 } }, "presented frames 3 was promised, but it has 2"],
    [{ audio: { codec: "opus", channels: null } }, "audio codec opus was promised, but it has aac"],
    [{ audio: { codec: null, channels: 6 } }, "audio channels 6 was promised, but it has 2"],
    [{ durationSeconds: 0.3 }, "a duration of 0.3 s ± 0.05 s was promised, but it has 0.2 s"],
  ];
  it.each(cases)("that differs from %j is named for it", (change, detail) => {
    expect(mismatch({ ...promised, ...change }, found)).toBe(detail);
  });

  it("with a declared stream but no packet in it has nothing", () => {
    const empty = { ...found, packets: scan([packet(1, 0, 0)]) };
    expect(mismatch(promised, empty)).toBe("video was promised, but it has no frame");
    const silent = { ...found, packets: scan([packet(0, 0, 0), packet(0, 0.1, 0.1)]) };
    expect(mismatch(promised, silent)).toBe("audio was promised, but it has no sample");
  });

  it("whose time runs backwards is bad even if nothing else is", () => {
    const packets = scan([packet(0, 0.1, 0.1), packet(0, 0, 0), packet(1, 0, 0)]);
    expect(mismatch(promised, { ...found, packets })).toMatch(/stream 0: .*backwards/);
  });
});
