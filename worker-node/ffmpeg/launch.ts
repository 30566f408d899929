/**
 * How a tool is started: through which small programs, and with which environment. This is the only place that wraps
 * its argv.
 *
 * `prlimit` bounds what it may use up; `nsenter` puts it into the sandbox's namespaces; `setpriv` (all util-linux)
 * takes every privilege away for good and ends it when the agent dies by a SIGKILL that nobody can catch. Each
 * replaces itself by the next (exec), so the tool's pid, and the process group's, are the ones that were spawned.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Confinement, dataLimitBytes } from "./confinement.ts";

export interface Launchers {
  readonly setpriv: string | null;
  readonly prlimit: string | null;
}

/** What this machine has; looked for in fixed places only, never along PATH. */
export function findLaunchers(platform: NodeJS.Platform = process.platform): Launchers {
  return { setpriv: findProgram("setpriv", platform), prlimit: findProgram("prlimit", platform) };
}

/** A program of the system's own directories; null where there is none, and on anything but Linux. */
export function findProgram(
  name: string,
  platform: NodeJS.Platform = process.platform,
): string | null {
  if (platform !== "linux") return null;
  const dirs = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
  return dirs.map((dir) => `${dir}/${name}`).find((path) => existsSync(path)) ?? null;
}

export interface LaunchRequest {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly confinement: Confinement;
  /** The largest file it may write. */
  readonly maxFileBytes: number | null;
  /** It maps a graphics card, whose drivers reserve address space as they like. */
  readonly usesDevice: boolean;
}

/** The argv that starts the tool, launchers first. */
export function launchArgv(launchers: Launchers, request: LaunchRequest): [string, ...string[]] {
  const { command, cwd, confinement } = request;
  const { namespaces } = confinement;
  let argv: [string, ...string[]] = [...command];
  // A directory opened outside would lead outside again by its `..`.
  if (namespaces?.hasOwnFiles) argv = ["/usr/bin/env", "-C", cwd, "--", ...argv];
  if (launchers.setpriv) {
    // Inside a user namespace the tool would be its root: with no capability, and no way to any.
    const powerless = ["--no-new-privs", "--bounding-set", "-all", "--inh-caps", "-all"];
    // Last, because entering a user namespace clears it (credentials(7)).
    const dies = ["--pdeathsig", "KILL"];
    argv = [launchers.setpriv, ...dies, ...(namespaces ? powerless : []), "--", ...argv];
  }
  if (namespaces) argv = [...namespaces.enter, "--", ...argv];
  if (launchers.prlimit) argv = [launchers.prlimit, ...limitFlags(request), "--", ...argv];
  return argv;
}

function limitFlags({ confinement, maxFileBytes, usesDevice }: LaunchRequest): string[] {
  const { memoryBytes, openFiles, threads } = confinement.limits;
  const flags = ["--core=0", `--nofile=${openFiles}`];
  if (maxFileBytes !== null) flags.push(`--fsize=${maxFileBytes}`);
  if (memoryBytes !== null && !usesDevice) {
    flags.push(`--data=${dataLimitBytes(memoryBytes, availableParallelism())}`);
  }
  // Counted by user outside a user namespace: there it would count what is none of ours.
  if (confinement.namespaces) flags.push(`--nproc=${threads}`);
  return flags;
}

/**
 * Variables that a driver or the loader may need. Everything else stays behind: FFREPORT writes files,
 * http_proxy sends traffic elsewhere, and the agent's own token is nobody's business.
 */
const INHERITED = [
  "LD_LIBRARY_PATH",
  "CUDA_VISIBLE_DEVICES",
  "NVIDIA_VISIBLE_DEVICES",
  "NVIDIA_DRIVER_CAPABILITIES",
  "LIBVA_DRIVER_NAME",
  "LIBVA_DRIVERS_PATH",
  "SystemRoot",
];

/** The environment ffmpeg gets. `cwd` takes the place of home and temporary directories. */
export function toolEnv(
  parent: NodeJS.ProcessEnv,
  cwd: string,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = parent[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    LC_ALL: "C",
    AV_LOG_FORCE_NOCOLOR: "1",
    HOME: cwd,
    TMPDIR: cwd,
    ...Object.fromEntries(inherited),
    ...extra,
  };
}
