/** What a run of a tool is confined to: the namespaces it enters, and what it may use up. */

export interface ToolLimits {
  /** Resident memory of one process, in bytes; null: the machine's own limit is the only one. */
  readonly memoryBytes: number | null;
  /** Descriptors that are open at once. */
  readonly openFiles: number;
  /** Threads of one process. A ladder of eight rungs on 64 cores has about 1,500. */
  readonly threads: number;
}

/** Namespaces of a sandbox that has been opened and proved (`sandbox/`). */
export interface Namespaces {
  /** nsenter(1) with the namespaces it enters: everything after it runs inside. */
  readonly enter: readonly [string, ...string[]];
  /** Whether files are confined too: then the working directory has to be looked up inside. */
  readonly hasOwnFiles: boolean;
}

export interface Confinement {
  readonly namespaces: Namespaces | null;
  readonly limits: ToolLimits;
}

const DEFAULT_OPEN_FILES = 1024;
const DEFAULT_THREADS = 4096;

/** No sandbox, and no limit but those that cost nobody anything: for finding tools, and for tests. */
export const UNCONFINED: Confinement = {
  namespaces: null,
  limits: { memoryBytes: null, openFiles: DEFAULT_OPEN_FILES, threads: DEFAULT_THREADS },
};

const MIB = 1024 ** 2;

/**
 * Memory for one run when the box's owner has not said: four fifths of the machine, shared by the attempts that may
 * run at once, and never less than a gibibyte.
 */
export function defaultMemoryBytes(machineBytes: number, slots: number): number {
  return Math.max(1024 * MIB, Math.floor((machineBytes * 0.8) / slots / MIB) * MIB);
}

/**
 * RLIMIT_DATA for a limit on resident memory. It is the wall behind the watch, which samples: stacks of threads and
 * what allocators hold back count in it though nothing is resident, so it stands further out.
 */
export function dataLimitBytes(memoryBytes: number, cores: number): number {
  return Math.floor(memoryBytes * 1.25) + (512 + 256 * cores) * MIB;
}
