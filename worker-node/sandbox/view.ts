/**
 * What of the file system a tool sees: programs and libraries, the settings that the loader and drivers read, a few
 * devices, and the agent's scratch. Everything else is not there; nothing but scratch can be written. Pure.
 */
export interface View {
  /** Bound as they are and made read-only, submounts too. Those that do not exist are left out. */
  readonly readOnly: readonly string[];
  /** Bound as they are. */
  readonly writable: readonly string[];
  /** Empty directories that have to exist: working directories of runs that write nothing. */
  readonly empty: readonly string[];
}

export interface ViewRequest {
  /**
   * Files: ffmpeg and ffprobe by their real paths and the paths they are called by, what they call where they are scripts
   * (`programsOf`), and libraries that lie beside them. Not their directories: a program in somebody's home would show the
   * home.
   */
  readonly programs: readonly string[];
  readonly scratch: string;
  readonly tmp: string;
  /** Entries of /dev. */
  readonly devices: readonly string[];
  /** Directories that LD_LIBRARY_PATH and LIBVA_DRIVERS_PATH name. */
  readonly libraries: readonly string[];
}

const PROGRAMS = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/** Where distributions and vendors keep them that do not use /usr. */
const OTHER_PROGRAMS = [
  "/nix/store",
  "/gnu/store",
  "/run/opengl-driver",
  "/opt/rocm",
  "/opt/intel",
];
const LOADER_SETTINGS = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives"];
const DRIVER_SETTINGS = ["OpenCL", "vulkan", "glvnd", "nvidia", "fonts", "localtime"];
const PLAIN_DEVICES = ["null", "zero", "full", "random", "urandom"];
/** Graphics: NVIDIA's nodes, DRI's directory, AMD's compute, WSL's bridge. */
const GRAPHICS = /^(?:nvidia.*|dri|kfd|dxg)$/;

/** The view for these programs and this scratch. */
export function viewOf(request: ViewRequest): View {
  const isSystem = (path: string) => PROGRAMS.some((dir) => isBelow(path, dir));
  const devices = request.devices.filter(
    (name) => PLAIN_DEVICES.includes(name) || GRAPHICS.test(name),
  );
  return {
    readOnly: [
      ...PROGRAMS,
      ...OTHER_PROGRAMS,
      ...[...LOADER_SETTINGS, ...DRIVER_SETTINGS].map((name) => `/etc/${name}`),
      ...[...new Set([...request.programs, ...request.libraries])].filter(
        (path) => !isSystem(path),
      ),
      "/proc",
      "/sys",
      ...devices.map((name) => `/dev/${name}`),
    ],
    writable: [request.scratch],
    empty: [request.tmp],
  };
}

function isBelow(path: string, dir: string): boolean {
  return path === dir || path.startsWith(`${dir}/`);
}

/** A mount as /proc/self/mountinfo (proc(5)) shows it. */
export interface Mount {
  readonly path: string;
  readonly options: readonly string[];
}

/** Reads /proc/self/mountinfo; blanks and the like in paths are written there as octal escapes. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, , , , path, options] = line.split(" ");
    if (path === undefined || options === undefined) return [];
    const unescaped = path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [{ path: unescaped, options: options.split(",") }];
  });
}

/** Flags that a user namespace may not take away: they are said again when a mount is made read-only. */
const KEPT = ["nosuid", "nodev", "noexec"];

/** Options for mount(8) that make a mount read-only and leave the rest of it as it is. */
export function readOnlyOptions({ options }: Mount): string {
  return ["remount", "bind", "ro", ...KEPT.filter((flag) => options.includes(flag))].join(",");
}
