/** The few options whose names changed between the releases of ffmpeg that agents run (4.1 to 8). */

export interface FfmpegRelease {
  readonly major: number;
  readonly minor: number;
}

/** What is assumed where no version is known: the oldest that agents ship. */
const OLDEST: FfmpegRelease = { major: 4, minor: 1 };
/** Builds from git name no release (`N-118000-g...`); they are newer than any option this code asks about. */
const NEWEST: FfmpegRelease = { major: 99, minor: 0 };

/** Reads `5.1.9-0+deb12u1`, `n7.1`, `ffmpeg version 4.1-static ...`, or a git build's `N-118000-g1234`. */
export function ffmpegRelease(version: string): FfmpegRelease {
  if (/(^|\s)N-\d+-g/.test(version)) return NEWEST;
  const found = /(\d+)\.(\d+)/.exec(version);
  if (found === null) return OLDEST;
  return { major: Number(found[1]), minor: Number(found[2]) };
}

/**
 * How frames keep their times: `passthrough` as they are, `vfr` as they are but for duplicates dropped,
 * `cfr` evenly. `-fps_mode` came with 5.1, and `-vsync` went with 8.
 */
export function frameTiming(release: FfmpegRelease, mode: "passthrough" | "vfr" | "cfr"): string[] {
  const knowsFpsMode = release.major > 5 || (release.major === 5 && release.minor >= 1);
  return [knowsFpsMode ? "-fps_mode" : "-vsync", mode];
}
