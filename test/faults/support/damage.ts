/** Damaged files: eight containers, and ways to damage them that a seed decides. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import { ffmpeg } from "../../worker-node/ffmpeg/support.ts";

const ZZUF = "/usr/bin/zzuf";
export const hasZzuf = existsSync(ZZUF);

const h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "5"];
const fragmented = ["-movflags", "+frag_keyframe+empty_moov+default_base_moof"];

/** A file name and how it is encoded. The last one is no container that is accepted: it only claims to be. */
const containers: readonly (readonly [string, readonly string[]])[] = [
  ["plain.mp4", [...h264, "-c:a", "aac"]],
  ["fragmented.mp4", [...h264, "-c:a", "aac", ...fragmented]],
  ["quicktime.mov", ["-c:v", "mjpeg", "-c:a", "pcm_s16le"]],
  ["interleaved.avi", ["-c:v", "mpeg4", "-c:a", "mp2"]],
  ["matroska.mkv", [...h264, "-c:a", "flac"]],
  ["web.webm", ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-ar", "48000"]],
  ["sound.m4a", ["-vn", "-c:a", "aac"]],
  ["transport.mp4", [...h264, "-c:a", "aac", "-f", "mpegts"]],
];

export interface Sample {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A second of pictures and sound in each container. */
export async function makeSamples(tools: Tools, folder: string): Promise<Sample[]> {
  return Promise.all(
    containers.map(async ([name, options]) => {
      const file = path.join(folder, name);
      await ffmpeg(tools, [
        ...["-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=1"],
        ...["-f", "lavfi", "-i", "sine=r=48000:d=1", ...options, file],
      ]);
      return { name, bytes: await readFile(file) };
    }),
  );
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Damage = (bytes: Buffer, random: () => number) => Buffer;

const at = (bytes: Buffer, random: () => number) => Math.floor(random() * bytes.length);

const flipBits: Damage = (bytes, random) => {
  const share = 10 ** (-5 + 3.5 * random());
  const count = Math.max(1, Math.floor(bytes.length * 8 * share));
  for (let done = 0; done < count; done += 1) {
    const index = at(bytes, random);
    bytes[index] = (bytes[index] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return bytes;
};

const cutShort: Damage = (bytes, random) => bytes.subarray(0, 1 + at(bytes, random));

const dropSpan: Damage = (bytes, random) => {
  const start = at(bytes, random);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + at(bytes, random) / 4)]);
};

const repeatSpan: Damage = (bytes, random) => {
  const start = at(bytes, random);
  const span = bytes.subarray(start, start + 1 + at(bytes, random) / 4);
  return Buffer.concat([bytes.subarray(0, start), span, span, bytes.subarray(start)]);
};

/** Sizes, counts and dimensions are 32-bit words: the largest, the smallest and the odd ones. */
const wildWord: Damage = (bytes, random) => {
  const words = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x00010000, bytes.length];
  const offset = Math.floor(random() * random() * Math.max(1, bytes.length - 4));
  bytes.writeUInt32BE(words[Math.floor(random() * words.length)] ?? 0, offset);
  return bytes;
};

/** Only the first or the last part, where heads and indexes are. */
const flipHead: Damage = (bytes, random) => {
  const part = random() < 0.5 ? bytes.subarray(0, 2048) : bytes.subarray(-2048);
  for (let done = 0; done < 1 + random() * 20; done += 1) {
    part[at(part, random)] = Math.floor(random() * 256);
  }
  return bytes;
};

const damages = [flipBits, flipBits, cutShort, dropSpan, repeatSpan, wildWord, flipHead];

/** The sample as `seed` damages it: by zzuf for every other seed where there is one, else by ways of our own. */
export async function damaged(sample: Sample, seed: number): Promise<Buffer> {
  const random = randomOf(seed);
  if (hasZzuf && seed % 2 === 0) return zzuf(sample.bytes, seed, 10 ** (-5 + 3.5 * random()));
  const damage = damages[Math.floor(random() * damages.length)] ?? flipBits;
  return damage(Buffer.from(sample.bytes), random);
}

function zzuf(bytes: Buffer, seed: number, ratio: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(ZZUF, ["-s", String(seed), "-r", ratio.toFixed(6)], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.once("error", reject).once("close", () => resolve(Buffer.concat(chunks)));
    child.stdin.end(bytes);
  });
}
