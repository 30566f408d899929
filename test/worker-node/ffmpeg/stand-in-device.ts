/**
 * A device that is made up: an executable in place of ffmpeg with a home directory, where it finds what it is (`set`), writes
 * down what it was asked for, and counts the sessions that are open with lock files. What it does is its script's to say.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import { standIn } from "./support.ts";

export interface StandInDevice<Facts> {
  readonly tools: Tools;
  /** Changes the device from the next process on. */
  set(change: Partial<Facts>): Promise<void>;
  /** The argv of every run that came to the device, in order. */
  asked(): Promise<readonly (readonly string[])[]>;
  /** Opens sessions for somebody else, until the answer is called. */
  occupy(count: number): Promise<() => Promise<void>>;
  /** The most sessions that were open at once. */
  peak(): Promise<number>;
}

/** Puts a device into the machine of these tools. `dir` is for its files. */
export async function standInDevice<Facts extends object>(
  real: Tools,
  dir: string,
  facts: Facts,
  script: string,
): Promise<StandInDevice<Facts>> {
  const home = join(dir, `device-${crypto.randomUUID()}`);
  const locks = join(home, "sessions");
  await mkdir(locks, { recursive: true });
  let now = facts;
  const write = () => writeFile(join(home, "card.json"), JSON.stringify(now));
  await write();
  const names = { HOME: home, REAL: real.ffmpeg, PROBE: real.ffprobe };
  const constants = Object.entries(names).map(
    ([name, value]) => `const ${name} = ${JSON.stringify(value)};`,
  );
  const path = await standIn(home, "ffmpeg.cjs", [...constants, COMMON, script].join("\n"));
  return {
    tools: { ...real, ffmpeg: path },
    set: async (next) => {
      now = { ...now, ...next };
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
      const files = Array.from({ length: count }, (_, i) => join(locks, `${process.pid}-${i}`));
      await Promise.all(files.map((name) => writeFile(name, "")));
      return async () => {
        await Promise.all(files.map((name) => rm(name, { force: true })));
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

/** What every such script has at hand: its facts, its argv, sessions, and the real ffmpeg. */
const COMMON = String.raw`
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const card = JSON.parse(fs.readFileSync(HOME + "/card.json", "utf8"));
const argv = process.argv.slice(2);
const say = (text) => fs.writeSync(2, text + "\n");

/** The real listing, with the software that this one has and the device's own encoders. */
function list(own) {
  const { stdout } = spawnSync(REAL, argv, { encoding: "utf8" });
  const others = stdout.split("\n").filter((line) => card.software.includes(line.trim().split(/ +/)[1]));
  fs.writeSync(1, [...others, ...own, ""].join("\n"));
  process.exit(0);
}

function remember() { fs.appendFileSync(HOME + "/asked", JSON.stringify(argv) + "\n"); }

function hang() {
  process.on("SIGTERM", () => {});
  setInterval(() => {}, 1000);
}

/** As ffmpeg ends after its encoder could not be opened. */
function failToOpen(lines, encoder) {
  for (const line of lines) say(line);
  if (card.speaks === 5) {
    say("Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height");
    process.exit(1);
  }
  say("[vost#0:0/" + encoder + " @ 0x5] Error while opening encoder - maybe incorrect parameters such as bit_rate, rate, width or height.");
  say("[out#0/mp4 @ 0x6] Nothing was written into output file, because at least one of its streams received no packets.");
  process.exit(234);
}

/** Opens a session for each name; null where the device has not as many left. */
function openSessions(names) {
  const locks = HOME + "/sessions";
  const isAlive = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };
  for (const lock of fs.readdirSync(locks)) {
    if (!isAlive(Number(lock.split("-")[0]))) fs.rmSync(locks + "/" + lock, { force: true });
  }
  const mine = names.map((_, i) => locks + "/" + process.pid + "-s" + i);
  const close = () => { for (const lock of mine) fs.rmSync(lock, { force: true }); };
  for (const lock of mine) fs.writeFileSync(lock, "");
  const open = fs.readdirSync(locks).length;
  if (open > card.sessions) { close(); return null; }
  fs.writeFileSync(HOME + "/peak-" + open, "");
  return close;
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
