/**
 * The sandbox of ffmpeg and ffprobe: namespaces in which there is the agent's source and nothing else. It is
 * opened and proved once, when the agent starts; a system that forbids it is told of, in one line.
 */
import { mkdir, readdir, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import type { Tools } from "../ffmpeg/types.ts";
import type { SandboxMode } from "../options.ts";
import type { SourceServer } from "../source/server.ts";
import { openNamespaces } from "./namespaces.ts";
import { programsOf } from "./programs.ts";
import { proveSandbox } from "./prove.ts";
import { viewOf } from "./view.ts";

/** What is confined: network and files, the network alone, or nothing. */
export type SandboxLevel = "full" | "network" | "none";

export interface Sandbox {
  readonly level: SandboxLevel;
  /** Why it is not full; null when it is. */
  readonly why: string | null;
  /** The same tools, confined. */
  readonly tools: Tools;
  readonly close: () => void;
}

export interface SandboxRequest {
  readonly mode: SandboxMode;
  readonly tools: Tools;
  /** The agent's own directory: the only one that tools may write. */
  readonly scratch: string;
  readonly server: SourceServer;
  readonly signal: AbortSignal;
}

/** Opens the tightest sandbox that holds on this system. @throws the signal's reason when it is aborted */
export async function openSandbox(request: SandboxRequest): Promise<Sandbox> {
  const { tools, mode } = request;
  if (mode === "off") return { level: "none", why: "switched off", tools, close: () => {} };
  if (process.platform !== "linux") {
    return { level: "none", why: "only Linux has namespaces", tools, close: () => {} };
  }
  const isRoot = process.getuid?.() === 0;
  let why: string | null = null;
  for (const level of ["full", "network"] as const) {
    for (const ownUsers of isRoot ? [true, false] : [true]) {
      const tried = await trySandbox(request, level, ownUsers);
      request.signal.throwIfAborted();
      if (typeof tried !== "string") return { ...tried, why };
      why ??= tried;
    }
  }
  return { level: "none", why, tools, close: () => {} };
}

/** The sandbox, or why it does not hold. */
async function trySandbox(
  { tools, scratch, server, signal }: SandboxRequest,
  level: "full" | "network",
  ownUsers: boolean,
): Promise<Omit<Sandbox, "why"> | string> {
  const opened = await openNamespaces({
    port: server.port,
    ownUsers,
    view: level === "full" ? await viewFor(tools, scratch) : null,
  });
  if (opened.status === "failed") return opened.why;
  const { listener, close, ...namespaces } = opened.namespaces;
  server.adopt(listener);
  const confined = {
    ...tools,
    workDir: scratch,
    confinement: { ...tools.confinement, namespaces },
  };
  const fault = await proveSandbox({
    ...{ tools: confined, scratch, port: server.port, listener, signal },
  }).catch((error: unknown) => {
    close();
    throw error;
  });
  if (fault === null) return { level, tools: confined, close };
  close();
  return fault;
}

async function viewFor(tools: Tools, scratch: string) {
  const root = join(scratch, "root");
  await mkdir(root, { recursive: true, mode: 0o700 });
  const programs = await programsOf([tools.ffmpeg, tools.ffprobe]);
  const parts = viewOf({
    programs: [...programs, ...(await librariesBeside(programs))],
    scratch: await realpath(scratch),
    tmp: tmpdir(),
    devices: await readdir("/dev"),
    libraries: [process.env.LD_LIBRARY_PATH, process.env.LIBVA_DRIVERS_PATH].flatMap((paths) =>
      (paths ?? "").split(":").filter(isAbsolute),
    ),
  });
  return { root, parts };
}

/** Shared libraries in the directories of programs: a build that carries its own finds them there ($ORIGIN). */
async function librariesBeside(programs: readonly string[]): Promise<readonly string[]> {
  const dirs = [...new Set(programs.map((path) => dirname(path)))];
  const found = await Promise.all(
    dirs.map(async (dir) => {
      const names = await readdir(dir).catch((): string[] => []);
      return names.filter((name) => /\.so(?:\.\d+)*$/.test(name)).map((name) => join(dir, name));
    }),
  );
  return found.flat();
}
