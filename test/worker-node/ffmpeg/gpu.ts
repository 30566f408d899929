/**
 * An ffmpeg with a graphics card, where there is none: it lists NVENC's encoders, counts the sessions that are open with
 * lock files, fails in the words of ffmpeg 5 or 7, and otherwise runs the real ffmpeg with libx264 and `scale` in place of
 * NVENC and `scale_cuda`, so that what comes out is real.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import { standIn } from "./support.ts";

export interface Card {
  /** Encoder sessions of the whole card, for everyone. */
  readonly sessions: number;
  /** How it says that there is no session left. */
  readonly exhausted: "out of memory (10)" | "incompatible client key (21)";
  readonly speaks: 5 | 7;
  readonly encoders: readonly ("h264_nvenc" | "hevc_nvenc" | "av1_nvenc")[];
  readonly tenBits: boolean;
  /** Whether B-frames may be referred to; cards before Turing refuse. */
  readonly referencedBFrames: boolean;
  /** What it decodes, as ffprobe names codecs; null for a card whose CUDA filters are not there. */
  readonly decodes: readonly string[] | null;
  /** An encoder that never answers. */
  readonly hangs: string | null;
  /** Fails after this many frames of every output. */
  readonly failsAfterFrames: number | null;
  /** Software encoders that it lists; proving all that the real one has takes seconds. */
  readonly software: readonly string[];
  /** The container lacks the driver's libraries. */
  readonly isAbsent: boolean;
}

const healthy: Card = {
  sessions: 8,
  exhausted: "out of memory (10)",
  speaks: 5,
  encoders: ["h264_nvenc", "hevc_nvenc"],
  tenBits: true,
  referencedBFrames: true,
  decodes: ["h264", "hevc"],
  hangs: null,
  failsAfterFrames: null,
  software: ["libx264"],
  isAbsent: false,
};

export interface GraphicsCard {
  readonly tools: Tools;
  /** Changes the card from the next process on. */
  set(change: Partial<Card>): Promise<void>;
  /** The argv of every run that came to the card, in order. */
  asked(): Promise<readonly (readonly string[])[]>;
  /** Opens sessions for somebody else, until the answer is called. */
  occupy(count: number): Promise<() => Promise<void>>;
  /** The most sessions that were open at once. */
  peak(): Promise<number>;
}

/** Puts a card into the machine of these tools. `dir` is for its files. */
export async function graphicsCard(
  real: Tools,
  dir: string,
  change: Partial<Card> = {},
): Promise<GraphicsCard> {
  const home = join(dir, `card-${crypto.randomUUID()}`);
  const locks = join(home, "sessions");
  await mkdir(locks, { recursive: true });
  let card = { ...healthy, ...change };
  const write = () => writeFile(join(home, "card.json"), JSON.stringify(card));
  await write();
  const { ffmpeg, ffprobe } = real;
  const script = `const HOME = ${JSON.stringify(home)}, REAL = ${JSON.stringify(ffmpeg)}, PROBE = ${JSON.stringify(ffprobe)};\n${SCRIPT}`;
  const path = await standIn(home, "ffmpeg.cjs", script);
  return {
    tools: { ...real, ffmpeg: path },
    set: async (next) => {
      card = { ...card, ...next };
      await write();
    },
    asked: async () => {
      const text = await readFile(join(home, "asked"), "utf8").catch(() => "");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as string[]);
    },
    occupy: async (count) => {
      const names = Array.from({ length: count }, (_, i) => join(locks, `${process.pid}-${i}`));
      await Promise.all(names.map((name) => writeFile(name, "")));
      return async () => {
        await Promise.all(names.map((name) => rm(name, { force: true })));
      };
    },
    peak: async () => {
      const counts = await readdir(home);
      return Math.max(
        0,
        ...counts.flatMap((name) => (/^peak-(\d+)$/.exec(name) ? [Number(name.slice(5))] : [])),
      );
    },
  };
}

/** Words of libavcodec/nvenc.c, libavutil/hwcontext_cuda.c and fftools, as 5.1 and 7.0 have them. */
const SCRIPT = String.raw`
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const card = JSON.parse(fs.readFileSync(HOME + "/card.json", "utf8"));
const argv = process.argv.slice(2);
const say = (text) => fs.writeSync(2, text + "\n");
const names = argv.filter((a, i) => /_nvenc$/.test(a) && /^-c:v/.test(argv[i - 1]));
const onCuda = argv.includes("cuda") || argv.some((a) => /scale_cuda|hwupload_cuda/.test(a));

if (argv.includes("-encoders")) {
  const { stdout } = spawnSync(REAL, argv, { encoding: "utf8" });
  const others = stdout.split("\n").filter((line) => card.software.includes(line.trim().split(/ +/)[1]));
  const own = card.encoders.map((e) => " V....D " + e + "  NVIDIA NVENC");
  fs.writeSync(1, [...others, ...own, ""].join("\n"));
  process.exit(0);
}
if (names.length === 0 && !onCuda) forward(argv, () => {});
else encode();

/** As ffmpeg ends after its encoder could not be opened. */
function fail(lines, name) {
  for (const line of lines) say(line);
  const encoder = name || names[0];
  if (card.speaks === 5) {
    say("Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height");
    process.exit(1);
  }
  say("[vost#0:0/" + encoder + " @ 0x5] Error while opening encoder - maybe incorrect parameters such as bit_rate, rate, width or height.");
  say("[out#0/mp4 @ 0x6] Nothing was written into output file, because at least one of its streams received no packets.");
  process.exit(234);
}

function encode() {
  fs.appendFileSync(HOME + "/asked", JSON.stringify(argv) + "\n");
  const at = "[" + names[0] + " @ 0x1] ";
  if (card.isAbsent) fail([at + "Cannot load libnvidia-encode.so.1", at + "The minimum required Nvidia driver for nvenc is 470.57.02 or newer"]);
  if (card.hangs !== null && names.includes(card.hangs)) {
    process.on("SIGTERM", () => {});
    setInterval(() => {}, 1000);
    return;
  }
  const all = argv.join(" ");
  for (const [, width] of all.matchAll(/\bs=(\d+)x/g)) {
    if (Number(width) < 145) fail([at + "Frame Dimension less than the minimum supported value.", at + "No capable devices found"]);
  }
  if (/p010le/.test(all) && !card.tenBits) fail([at + "10 bit encode not supported", at + "No capable devices found"]);
  if (argv.includes("-b_ref_mode") && !card.referencedBFrames) fail([at + "B frames as references are not supported", at + "No capable devices found"]);
  const graph = ["Impossible to convert between the formats supported by the filter 'graph 0 input from stream 0:0' and the filter 'auto_scale_0'"];
  if (onCuda && card.decodes === null) fail(["[AVFilterGraph @ 0x2] No such filter: 'scale_cuda'"]);
  const hw = argv.indexOf("-hwaccel");
  if (hw >= 0) {
    const source = argv[argv.indexOf("-i", hw) + 1].replace(/^file:/, "");
    const probed = spawnSync(PROBE, ["-v", "error", "-select_streams", "V:0", "-show_entries", "stream=codec_name", "-of", "csv=p=0", source], { encoding: "utf8" });
    const codec = probed.stdout.trim().split(",")[0];
    if (!card.decodes.includes(codec)) {
      fail(["[" + codec + " @ 0x3] Failed setup for format cuda: hwaccel initialisation returned error.", ...graph]);
    }
  }
  const locks = HOME + "/sessions";
  const isAlive = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };
  for (const lock of fs.readdirSync(locks)) {
    if (!isAlive(Number(lock.split("-")[0]))) fs.rmSync(locks + "/" + lock, { force: true });
  }
  const mine = names.map((_, i) => locks + "/" + process.pid + "-s" + i);
  const close = () => { for (const lock of mine) fs.rmSync(lock, { force: true }); };
  for (const lock of mine) fs.writeFileSync(lock, "");
  const open = fs.readdirSync(locks).length;
  if (open > card.sessions) {
    close();
    fail([at + "OpenEncodeSessionEx failed: " + card.exhausted + ": (no details)", at + "No capable devices found"]);
  }
  fs.writeFileSync(HOME + "/peak-" + open, "");
  forward(inSoftware(argv), close, card.failsAfterFrames !== null && (() => {
    say(at + "EncodePicture failed!: generic error (20): (no details)");
    say(card.speaks === 5 ? "Video encoding failed" : "[vost#0:0/" + names[0] + " @ 0x5] Error submitting video frame to the encoder");
    process.exit(card.speaks === 5 ? 1 : 187);
  }));
}

function inSoftware(args) {
  const one = new Set(["-hwaccel", "-hwaccel_output_format", "-extra_hw_frames", "-tune", "-rc", "-b_ref_mode", "-spatial-aq", "-rc-lookahead", "-forced-idr", "-strict_gop", "-no-scenecut", "-bf"]);
  const out = [];
  let encoder = "";
  for (let i = 0; i < args.length; i++) {
    const a = args[i], next = args[i + 1];
    if (one.has(a)) { i++; continue; }
    if (a === "-noautorotate") continue;
    if (/^-c:v/.test(a) && /_nvenc$/.test(next)) {
      encoder = next;
      out.push(a, next === "hevc_nvenc" ? "libx265" : "libx264");
      if (next === "hevc_nvenc") out.push("-x265-params", "log-level=none");
      if (card.failsAfterFrames !== null) out.push("-frames:v", String(card.failsAfterFrames));
      i++;
    } else if (a === "-preset" && encoder) { out.push(a, "ultrafast"); i++; }
    else if (a === "-cq") { out.push("-crf", next); i++; }
    else if (a === "-b:v" && next === "0") i++;
    else out.push(
      a.replace(/scale_cuda=w=(\d+):h=(\d+):format=(\w+)/g, (_, w, h, f) => "scale=w=" + w + ":h=" + h + ",format=pix_fmts=" + planar(f))
        .replace(/,?hwupload_cuda/g, "")
        .replace(/format=pix_fmts=(nv12|p010le)/g, (_, f) => "format=pix_fmts=" + planar(f)),
    );
  }
  return out;
}

function planar(format) { return format === "p010le" ? "yuv420p10le" : "yuv420p"; }

function forward(args, close, atEnd) {
  const child = spawn(REAL, args, { stdio: "inherit" });
  child.on("close", (code, signal) => {
    close();
    if (atEnd && code === 0) atEnd();
    if (signal) process.kill(process.pid, "SIGKILL");
    process.exit(code === null ? 1 : code);
  });
}
`;
