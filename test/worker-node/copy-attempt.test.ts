/** Attempts that begin with a copy of streams, and what follows when the copy is no good. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EncoderCapability } from "../../protocol/media.ts";
import { createDevices } from "../../worker-node/devices.ts";
import { scratch, toolSets } from "./ffmpeg/support.ts";
import { attemptOn } from "./support/device-attempt.ts";

const dir = await scratch();
const [usual] = await toolSets();
if (usual === undefined) throw new Error("no tools");
const { tools } = usual;

const CPU: EncoderCapability = {
  encoder: "libx264",
  codec: "h264",
  device: "cpu",
  bitDepths: [8],
  maxSessions: null,
};

function make(name: string, ...args: readonly string[]): string {
  const path = join(dir, name);
  execFileSync(tools.ffmpeg, ["-nostdin", "-v", "error", "-y", ...args, path], { stdio: "pipe" });
  return path;
}

/** A recording that was cut between key frames: its first pictures refer to ones that are gone. */
function cutRecording(): Buffer {
  const whole = make(
    "whole.ts",
    ...["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=3", "-f", "lavfi", "-i", "sine=d=3"],
    ...["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    ...["-x264-params", "open-gop=1:keyint=20:bframes=5"],
  );
  return readFileSync(make("cut.mkv", "-ss", "0.5", "-i", whole, "-c", "copy"));
}

/** Two recordings of different sizes one behind the other, the second's parameter sets among its pictures. */
function twoSizes(): Buffer {
  const parts = ["160x90", "64x64"].map((size) =>
    make(
      `${size}.ts`,
      ...["-f", "lavfi", "-i", `testsrc2=s=${size}:r=25:d=1`],
      ...["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"],
    ),
  );
  const list = join(dir, "sizes.txt");
  writeFileSync(list, parts.map((file) => `file ${file}\n`).join(""));
  const joined = ["-f", "concat", "-safe", "0", "-i", list, "-c", "copy"];
  return readFileSync(make("sizes.mp4", ...joined, "-movflags", "+faststart"));
}

test.each([
  ["does not decode", cutRecording, "it does not decode", "aac"],
  ["changes its size midway", twoSizes, "its pictures change their codec's configuration", null],
] as const)(
  "a source whose copy %s is encoded in the same attempt, and the ledger says so",
  async (_, source, why, audioCodec) => {
    const { next } = await attemptOn({
      tools,
      devices: createDevices([CPU], { now: () => 0 }),
      source: source(),
      work: { mode: "recipe", recipe: { name: "webReady" } },
    });
    const message = await next("complete");
    if (message.type !== "complete") throw new Error(message.type);
    const { engine, outputs } = message;
    expect(engine).toMatchObject({ encoder: "libx264", exitCode: 0 });
    const log = engine.log.join("\n");
    expect(log).toContain(`a copy was refused (result.mp4: ${why}`);
    expect(log).toContain("encoded instead");
    expect(outputs[0]?.media).toMatchObject({ videoCodec: "h264", audioCodec });
  },
);
