/**
 * Finds the ffmpeg and ffprobe to use: `FFMPEG_PATH`/`FFPROBE_PATH`, the system's, ffmpeg-static, the
 * ones that came with `npm ci`. Each candidate must run and tell its version before it is believed:
 * a file that is there may be for another machine, or lack a library.
 */
import { accessSync, chmodSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { UNCONFINED } from "./confinement.ts";
import { runProcess } from "./process.ts";
import type { ToolFeatures, Tools } from "./types.ts";

/** A cold binary of 70 MB on a slow disk takes its time. */
const VERSION_TIMEOUT_MS = 20_000;

type ToolName = "ffmpeg" | "ffprobe";

interface Candidate {
  /** For people: where it comes from. */
  readonly from: string;
  readonly path: string;
}

/** No usable ffmpeg or ffprobe; the message names what was tried and the remedy. */
export class ToolsNotFoundError extends Error {
  override readonly name = "ToolsNotFoundError";
}

/** Finds an ffmpeg and an ffprobe that run, not confined yet. @throws ToolsNotFoundError */
export async function resolveTools(env: NodeJS.ProcessEnv = process.env): Promise<Tools> {
  const [ffmpeg, ffprobe] = await Promise.all([
    resolveTool("ffmpeg", env),
    resolveTool("ffprobe", env),
  ]);
  return {
    ffmpeg: ffmpeg.path,
    ffprobe: ffprobe.path,
    version: ffmpeg.version,
    features: await findFeatures(ffmpeg.path),
    confinement: UNCONFINED,
    workDir: tmpdir(),
  };
}

async function resolveTool(
  name: ToolName,
  env: NodeJS.ProcessEnv,
): Promise<{ path: string; version: string }> {
  const tried: string[] = [];
  for (const candidate of await candidates(name, env)) {
    const answer = await askVersion(name, candidate.path);
    if (answer.status === "ok") return { path: candidate.path, version: answer.version };
    tried.push(`${candidate.from} (${candidate.path}): ${answer.reason}`);
    // Whoever names a binary means that one: another in its place would hide the mistake.
    if (candidate.from === overrideOf(name)) break;
  }
  throw new ToolsNotFoundError(
    `No usable ${name} was found. Tried: ${tried.join("; ") || "nothing was there to try"}. ` +
      `Install it (Debian: apt-get install ffmpeg; macOS: brew install ffmpeg) or set ${overrideOf(name)} to its path.`,
  );
}

function overrideOf(name: ToolName): "FFMPEG_PATH" | "FFPROBE_PATH" {
  return name === "ffmpeg" ? "FFMPEG_PATH" : "FFPROBE_PATH";
}

async function candidates(name: ToolName, env: NodeJS.ProcessEnv): Promise<Candidate[]> {
  const override = env[overrideOf(name)];
  if (override) return [{ from: overrideOf(name), path: overridePath(override, env) }];
  const found: Candidate[] = [];
  // A probe that stands beside the encoder that was named belongs to it.
  const beside = name === "ffprobe" ? env.FFMPEG_PATH : undefined;
  if (beside && isAbsolute(beside)) addIfThere(found, "beside FFMPEG_PATH", dirname(beside), name);
  for (const dir of (env.PATH ?? "").split(delimiter).filter(isAbsolute)) {
    addIfThere(found, "PATH", dir, name);
  }
  const bundled = name === "ffmpeg" ? await ffmpegStatic() : null;
  if (bundled) found.push({ from: "ffmpeg-static", path: bundled });
  const shipped = shippedPath(name);
  if (shipped) found.push({ from: `@${name}-installer`, path: shipped });
  return found;
}

/** A bare name is looked up along PATH, as a shell would; a relative path counts from where we are. */
function overridePath(override: string, env: NodeJS.ProcessEnv): string {
  if (isAbsolute(override) || /[\\/]/.test(override)) return resolve(override);
  const dirs = (env.PATH ?? "").split(delimiter).filter(isAbsolute);
  return dirs.map((dir) => join(dir, override)).find(isExecutable) ?? resolve(override);
}

function executableName(name: ToolName): string {
  return process.platform === "win32" ? `${name}.exe` : name;
}

function addIfThere(found: Candidate[], from: string, dir: string, name: ToolName): void {
  const path = join(dir, executableName(name));
  if (isExecutable(path)) found.push({ from, path });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** ffmpeg-static is an optional dependency that drops out where its download fails. */
async function ffmpegStatic(): Promise<string | null> {
  const name: string = "ffmpeg-static";
  try {
    const module: { default?: unknown } = await import(name);
    return typeof module.default === "string" && isExecutable(module.default)
      ? module.default
      : null;
  } catch {
    return null;
  }
}

/** The binary in `@ffmpeg-installer/<platform>`; npm may have unpacked it without its run bit. */
function shippedPath(name: ToolName): string | null {
  const file = `@${name}-installer/${process.platform}-${process.arch}/${executableName(name)}`;
  try {
    const path = createRequire(import.meta.url).resolve(file);
    if (!isExecutable(path)) chmodSync(path, 0o755);
    return path;
  } catch {
    return null;
  }
}

type VersionAnswer =
  | { readonly status: "ok"; readonly version: string }
  | { readonly status: "failed"; readonly reason: string };

async function askVersion(name: ToolName, path: string): Promise<VersionAnswer> {
  if (!isExecutable(path)) return { status: "failed", reason: "no executable file is there" };
  const result = await runTool(path, ["-version"]);
  if (result.end.kind === "not_started") return { status: "failed", reason: result.end.message };
  if (result.end.kind === "timeout") {
    return { status: "failed", reason: `-version did not answer in ${VERSION_TIMEOUT_MS} ms` };
  }
  const version = parseVersion(name, result.stdout);
  if (result.exitCode !== 0 || version === null) {
    const said = result.stderr[0] ?? (result.stdout.split("\n")[0] || "nothing");
    return {
      status: "failed",
      reason: `-version exited with ${result.exitCode ?? result.signal} and said: ${said.slice(0, 200)}`,
    };
  }
  return { status: "ok", version };
}

/** `ffmpeg version 5.1.9-0+deb12u1 Copyright ...` → `5.1.9-0+deb12u1`; null when it is something else. */
export function parseVersion(name: ToolName, text: string): string | null {
  const match = /^(ffmpeg|ffprobe) version (\S{1,128})/.exec(text);
  return match?.[1] === name ? (match[2] ?? null) : null;
}

/** Asks the long help, which lists each option at the beginning of a line, and the muxer's for its flags. */
async function findFeatures(ffmpeg: string): Promise<ToolFeatures> {
  const [long, muxer, vmaf] = await Promise.all([
    runTool(ffmpeg, ["-hide_banner", "-h", "long"]),
    runTool(ffmpeg, ["-hide_banner", "-h", "muxer=mp4"]),
    measuresVmaf(ffmpeg),
  ]);
  return {
    vmaf,
    statsPeriod: /^-stats_period\b/m.test(long.stdout),
    fpsMode: /^-fps_mode\b/m.test(long.stdout),
    cmafFlag: /^\s+cmaf\b/m.test(muxer.stdout),
  };
}

/** Measures two frames: the filter is listed by builds that lack its model, too. */
async function measuresVmaf(ffmpeg: string): Promise<boolean> {
  const help = await runTool(ffmpeg, ["-hide_banner", "-h", "filter=libvmaf"]);
  if (!/log_path/.test(help.stdout)) return false;
  const picture = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.08"];
  const { end, exitCode } = await runTool(ffmpeg, [
    ...["-nostdin", "-v", "error", ...picture, ...picture],
    ...["-filter_complex", "[0:v][1:v]libvmaf=log_fmt=json", "-f", "null", "-"],
  ]);
  return end.kind === "exited" && exitCode === 0;
}

function runTool(path: string, args: readonly string[]) {
  return runProcess({
    command: path,
    confinement: UNCONFINED,
    args,
    cwd: tmpdir(),
    signal: AbortSignal.timeout(VERSION_TIMEOUT_MS + 5_000),
    timeoutMs: VERSION_TIMEOUT_MS,
    maxStdout: 1_000_000,
  });
}
