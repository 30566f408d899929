/**
 * How a tool is started: through which small programs, and with which environment.
 *
 * `setpriv --pdeathsig KILL` (util-linux) ends ffmpeg when the agent dies by a SIGKILL that nobody can
 * catch; `prlimit` bounds the size of a file it writes and forbids core dumps. Both replace themselves by
 * the tool (exec), so its pid, and the process group's, are the ones that were spawned.
 */
import { existsSync } from "node:fs";

export interface Launchers {
  readonly setpriv: string | null;
  readonly prlimit: string | null;
}

/** What this machine has; looked for in fixed places only, never along PATH. */
export function findLaunchers(platform: NodeJS.Platform = process.platform): Launchers {
  if (platform !== "linux") return { setpriv: null, prlimit: null };
  const find = (name: string) =>
    ["/usr/bin", "/bin"].map((dir) => `${dir}/${name}`).find((path) => existsSync(path)) ?? null;
  return { setpriv: find("setpriv"), prlimit: find("prlimit") };
}

/** The argv that starts `command`, launchers first. */
export function launchArgv(
  launchers: Launchers,
  command: readonly [string, ...string[]],
  maxFileBytes: number | null,
): [string, ...string[]] {
  let argv: [string, ...string[]] = [...command];
  if (launchers.setpriv) argv = [launchers.setpriv, "--pdeathsig", "KILL", "--", ...argv];
  if (launchers.prlimit) {
    const fsize = maxFileBytes === null ? [] : [`--fsize=${maxFileBytes}`];
    argv = [launchers.prlimit, "--core=0", ...fsize, "--", ...argv];
  }
  return argv;
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
