/** What a traced tool opened, connected and wrote, read from strace's own log. */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

const STRACE = "/usr/bin/strace";

/** Whether system calls can be seen; said once where they cannot. */
export const hasStrace = existsSync(STRACE);

/** An executable that runs `tool` under strace and writes a log in its working directory. */
export async function tracedTool(dir: string, tool: string): Promise<string> {
  // Of its own: a program's directory holds nothing that a test looks for outside.
  const folder = await mkdtemp(path.join(dir, "tool-"));
  const script = path.join(folder, `traced-${path.basename(tool)}`);
  const calls = "open,openat,creat,connect,sendto,bind,unlink,rename,mkdir,link,symlink,execve";
  await writeFile(
    script,
    `#!/bin/sh\nexec ${STRACE} -f -qq -s 400 -e trace=${calls} -o trace.log '${tool}' "$@"\n`,
  );
  await chmod(script, 0o755);
  return script;
}

export interface Allowed {
  /** The only directory that may be written, or read beside the system's own. */
  readonly scratch: string;
  /** Of the agent's source. */
  readonly port: number;
  /** It has a network of its own, a loopback that nobody else is on: a port it opens there is open to nobody. */
  readonly hasOwnNetwork: boolean;
}

/** What a view shows beside scratch (`sandbox/view.ts`): programs, libraries, the settings of loaders and drivers. */
const SYSTEM = [
  ...["/usr/", "/lib", "/bin/", "/opt/", "/proc/", "/sys/", "/dev/dri"],
  ...[
    "/etc/ld.so",
    "/etc/fonts",
    "/etc/alternatives",
    "/etc/OpenCL",
    "/etc/glvnd",
    "/etc/localtime",
  ],
];
const DEVICES = new Set(
  ["null", "zero", "full", "random", "urandom"].map((name) => `/dev/${name}`),
);

function isSystem(file: string): boolean {
  return (
    SYSTEM.some((prefix) => file.startsWith(prefix)) ||
    DEVICES.has(file) ||
    // The names of the devices above, as who looks for cameras lists them.
    file === "/dev"
  );
}

/** The calls that succeeded on what is neither the system's, the scratch's nor the source. Pure. */
export function trespasses(log: string, allowed: Allowed): string[] {
  return log.split("\n").filter((line) => isTrespass(line, allowed));
}

interface Call {
  readonly name: string;
  readonly args: string;
  readonly result: number;
  readonly errno: string | undefined;
}

function isTrespass(line: string, allowed: Allowed): boolean {
  const call = /^\d+\s+(\w+)\((.*)\)\s+= (-?\d+)(?: (E\w+))?/.exec(line);
  if (call === null) return false;
  const [, name = "", args = "", result = "-1", errno] = call;
  const made = { name, args, result: Number(result), errno };
  return ["connect", "sendto", "bind"].includes(name)
    ? isSocketTrespass(made, allowed)
    : isFileTrespass(made, allowed);
}

function isSocketTrespass({ name, args, result, errno }: Call, allowed: Allowed): boolean {
  if (result < 0 && errno !== "EINPROGRESS") return false;
  const address = /sin6?_port=htons\((\d+)\)/.exec(args);
  if (address === null) return args.includes("sun_path");
  const port = Number(address[1]);
  const isLoopback = /inet_addr\("127\.0\.0\.1"\)|"::1"/.test(args);
  if (isLoopback && port === allowed.port) return false;
  // There: a socket in progress meets nobody, and the canary tells of others; so do datagrams to a resolver that is not
  // there, and nobody can reach a port that is opened.
  const isHarmless =
    name === "bind" || (isLoopback && (errno === "EINPROGRESS" || port === RESOLVER));
  return !(allowed.hasOwnNetwork && isHarmless);
}

const RESOLVER = 53;

function isFileTrespass({ name, args, result }: Call, { scratch }: Allowed): boolean {
  if (result < 0) return false;
  const file = /"([^"]*)"/.exec(args)?.[1] ?? "";
  const isInside = file.startsWith("/")
    ? file.startsWith(`${scratch}/`)
    : !file.split("/").includes("..");
  if (name === "execve") return !isSystem(file);
  if (isInside) return false;
  const isReading = /^(?:open|openat)$/.test(name) && !/O_WRONLY|O_RDWR|O_CREAT/.test(args);
  return isReading ? !isSystem(file) : !(name.startsWith("open") && DEVICES.has(file));
}

/** What the last run in `folder` did; an empty log means that nothing was traced. */
export async function readTrace(folder: string): Promise<string> {
  return readFile(path.join(folder, "trace.log"), "utf8");
}
