/** Opens namespaces and holds them: one set for the agent, which every run of a tool enters. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import type { Server } from "node:net";
import { fileURLToPath } from "node:url";
import type { Namespaces } from "../ffmpeg/confinement.ts";
import { findProgram } from "../ffmpeg/launch.ts";
import type { HolderAnswer, HolderRequest } from "./holder.ts";

export interface OpenNamespaces extends Namespaces {
  /** Listens inside on 127.0.0.1, at the port that was asked for. */
  readonly listener: Server;
  readonly close: () => void;
}

export interface NamespacesRequest extends HolderRequest {
  /** An ordinary user needs one; root may do without. */
  readonly ownUsers: boolean;
}

export type Opened =
  | { readonly status: "open"; readonly namespaces: OpenNamespaces }
  | { readonly status: "failed"; readonly why: string };

const OPEN_MS = 15_000;

/** Never rejects: a system that forbids namespaces says why. */
export async function openNamespaces(request: NamespacesRequest): Promise<Opened> {
  const unshare = findProgram("unshare");
  const nsenter = findProgram("nsenter");
  if (unshare === null || nsenter === null || findProgram("setpriv") === null) {
    return failed("unshare, nsenter and setpriv (util-linux) are needed");
  }
  // Two steps: the interface belongs to the user namespace's root only if that root is mapped when it is made.
  const asRoot = request.ownUsers ? [unshare, "--user", "--map-root-user", "--"] : [];
  const [program = unshare, ...args] = [
    ...asRoot,
    ...[unshare, "--net", "--mount", "--ipc", "--"],
    ...[process.execPath, ...holderEntry()],
  ];
  const child = spawn(program, args, {
    cwd: "/",
    env: {},
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), OPEN_MS);
  // Not `close`: that never comes once a socket was handed over.
  const ended = once(child, "exit");
  ended.catch(() => {});
  try {
    const answered = new Promise<[HolderAnswer, Server | undefined]>((resolve, reject) => {
      child.once("message", (answer, handle) => {
        resolve([answer as HolderAnswer, handle as Server | undefined]);
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(lastLine(said) || "the namespaces did not open")));
    });
    const { port, view } = request;
    child.send({ port, view } satisfies HolderRequest, () => {});
    const [answer, listener] = await answered;
    if (answer.status === "failed") return failed(lastLine(answer.why));
    if (listener === undefined || child.pid === undefined) return failed("no socket came");
    return { status: "open", namespaces: hold(nsenter, child.pid, request, listener) };
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  } finally {
    if (child.connected) child.disconnect();
    if (child.pid !== undefined) await ended;
    clearTimeout(limit);
  }
}

/** Told to the agent's bundle as its first argument, it makes namespaces and nothing else. */
export const HOLD_FLAG = "--hold-namespaces";

/** The module beside this one; the bundled agent is a single file, which is told what to be. */
function holderEntry(): string[] {
  const module = fileURLToPath(new URL("./holder-main.ts", import.meta.url));
  return existsSync(module) ? [module] : [fileURLToPath(import.meta.url), HOLD_FLAG];
}

const KINDS = { user: "user", network: "net", files: "mnt", ipc: "ipc" } as const;
type Kind = keyof typeof KINDS;

/** nsenter's flag for each. */
const FLAGS: Readonly<Record<Kind, string>> = {
  user: "--user",
  network: "--net",
  files: "--mount",
  ipc: "--ipc",
};

/** By open descriptors the namespaces outlive the process that made them. */
function hold(
  nsenter: string,
  pid: number,
  { ownUsers, view }: NamespacesRequest,
  listener: Server,
): OpenNamespaces {
  const kinds: Kind[] = [
    ...(ownUsers ? (["user"] as const) : []),
    ...(["network", "ipc"] as const),
    ...(view === null ? [] : (["files"] as const)),
  ];
  const held: { readonly kind: Kind; readonly descriptor: number }[] = [];
  const close = () => {
    listener.close();
    for (const { descriptor } of held.splice(0)) closeSync(descriptor);
  };
  try {
    for (const kind of kinds) {
      held.push({ kind, descriptor: openSync(`/proc/${pid}/ns/${KINDS[kind]}`, "r") });
    }
  } catch (error) {
    close();
    throw error;
  }
  const flags = held.map(
    ({ kind, descriptor }) => `${FLAGS[kind]}=/proc/${process.pid}/fd/${descriptor}`,
  );
  return {
    enter: [nsenter, ...flags, ...(ownUsers ? ["--preserve-credentials"] : [])],
    hasOwnFiles: view !== null,
    listener,
    close,
  };
}

function failed(why: string): Opened {
  return { status: "failed", why };
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
