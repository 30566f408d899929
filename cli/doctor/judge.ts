/** What is well and what is not, by what was measured. Pure. */
import type { EncoderCapability } from "../../protocol/media.ts";
import { sizeText } from "../job-display.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** Older ones drop the last picture of some encodes, and cannot take part in chunked jobs. */
const GOOD_FFMPEG = { major: 5, minor: 1 };

/** Judges a version as ffmpeg tells it, `5.1.6-0+deb12u1` or `N-117861-g...`. */
export function judgeFfmpeg(version: string, path: string): Finding {
  const found = /^n?(\d+)\.(\d+)/.exec(version);
  const text = `${version}  ${path}`;
  // A build from the main branch tells no version.
  if (found === null) return ok("ffmpeg", text);
  const [major, minor] = [Number(found[1]), Number(found[2])];
  const isGood =
    major > GOOD_FFMPEG.major || (major === GOOD_FFMPEG.major && minor >= GOOD_FFMPEG.minor);
  if (isGood) return ok("ffmpeg", text);
  return warn(
    "ffmpeg",
    text,
    "It is older than 5.1: it has no AV1 encoder and takes no chunks of long videos. Install a current one, or name it with FFMPEG_PATH.",
  );
}

export interface EncoderRefusal {
  readonly encoder: string;
  readonly device: string;
  readonly bitDepth: number;
  readonly reason: string;
}

/** A line for each device whose encoders made pictures, and one for each encoder of a device that did not. */
export function judgeEncoders(
  encoders: readonly EncoderCapability[],
  refusals: readonly EncoderRefusal[],
): readonly Finding[] {
  if (encoders.length === 0) {
    return [
      fail(
        "encoders",
        `none made a picture${refusals[0] ? `: ${refusals[0].encoder}: ${refusals[0].reason}` : ""}`,
        "Install an ffmpeg that was built with libx264 (Debian: apt-get install ffmpeg), or name one with FFMPEG_PATH.",
      ),
    ];
  }
  const found = [...Map.groupBy(encoders, ({ device }) => device)].map(([device, own]) =>
    ok(
      "encoders",
      `${device}: ${own.map(({ encoder, bitDepths }) => `${encoder} (${bitDepths.join("+")} bits)`).join(", ")}`,
    ),
  );
  // Software encoders that lack a depth are as they were built: nothing is broken.
  const broken = refusals.filter(({ device }) => device !== "cpu");
  return [
    ...found,
    ...broken.map(({ encoder, device, bitDepth, reason }) =>
      warn(
        "encoders",
        `${encoder} on ${device} refused ${bitDepth} bits: ${reason}`,
        "Jobs go without it. docs/guides/gpu-box.md has the common refusals and their remedies.",
      ),
    ),
  ];
}

/** Judges the sandbox that ffmpeg would run in. */
export function judgeSandbox(level: string, why: string | null): Finding {
  const text = `${level}${why === null ? "" : ` (${why})`}`;
  if (level !== "none") return ok("sandbox", text);
  return warn(
    "sandbox",
    text,
    "ffmpeg runs with the agent's own rights. Allow unprivileged user namespaces, or give the agent a user of its own.",
  );
}

export type DiskState =
  | { readonly status: "writable"; readonly freeBytes: number }
  | { readonly status: "unwritable"; readonly why: string; readonly code: string | null };

const LEAST_BYTES = 200_000_000;

/**
 * Judges a folder's disk.
 *
 * @param wantedBytes what a job of the largest allowed source takes.
 * @param option how another folder is named.
 */
export function judgeDisk(
  name: string,
  folder: string,
  state: DiskState,
  wantedBytes: number,
  option: string,
): Finding {
  const remedy = `Free some space, or name a folder on another disk with ${option}.`;
  if (state.status === "unwritable") {
    if (state.code === "ENOSPC" || state.code === "EDQUOT") {
      return fail(name, `${folder}: the disk is full (${state.why})`, remedy);
    }
    return fail(
      name,
      `${folder} cannot be written (${state.why})`,
      `Give this user the right to write there, or name another folder with ${option}.`,
    );
  }
  const text = `${folder}: ${sizeText(state.freeBytes)} free`;
  if (state.freeBytes < LEAST_BYTES) return fail(name, `${text}: as good as full`, remedy);
  if (state.freeBytes < wantedBytes) {
    return warn(name, `${text}; a large video takes ${sizeText(wantedBytes)}`, remedy);
  }
  return ok(name, text);
}

/** A receiver of webhooks refuses what is signed further away (Standard Webhooks 1.0). */
const SIGNED_TOLERANCE_SECONDS = 300;
const NOTICED_SECONDS = 5;

/** @param skewSeconds this machine's clock less the edge's; @param errorSeconds how far that may be wrong. */
export function judgeClock(skewSeconds: number, errorSeconds: number): Finding {
  const off = Math.max(0, Math.abs(skewSeconds) - errorSeconds);
  const where = skewSeconds > 0 ? "ahead of" : "behind";
  const text = `${Math.abs(skewSeconds).toFixed(1)} s ${where} the edge's`;
  const remedy =
    "Set the clock by NTP (systemd: timedatectl set-ntp true), on the machine of the two that is wrong.";
  if (off > SIGNED_TOLERANCE_SECONDS) {
    return fail("clock", `${text}: signatures of webhooks will be refused`, remedy);
  }
  if (off > NOTICED_SECONDS) return warn("clock", text, remedy);
  return ok("clock", `within ${Math.max(1, Math.ceil(Math.abs(skewSeconds)))} s of the edge's`);
}
