/** What a traced tool opened, connected and wrote, read from strace's own log. */
import { existsSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

const STRACE = "/usr/bin/strace";

/** Whether system calls can be seen; said once where they cannot. */
export const hasStrace = existsSync(STRACE);

/** An executable that runs `tool` under strace and writes a log in its working directory. */
export async function tracedTool(folder: string, tool: string): Promise<string> {
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
}

const SYSTEM = [
  ...["/usr/", "/lib", "/bin/", "/etc/ld.so", "/etc/fonts", "/etc/alternatives", "/etc/OpenCL"],
  ...["/proc/", "/sys/", "/dev/null", "/dev/urandom", "/dev/dri", "/opt/"],
];

/** The calls that succeeded on what is neither the system's, the scratch's nor the source. Pure. */
export function trespasses(log: string, { scratch, port }: Allowed): string[] {
  return log.split("\n").filter((line) => isTrespass(line, scratch, port));
}

function isTrespass(line: string, scratch: string, port: number): boolean {
  const call = /^\d+\s+(\w+)\((.*)\)\s+= (-?\d+)(?: (E\w+))?/.exec(line);
  if (call === null) return false;
  const [, name = "", args = "", result = "-1", errno] = call;
  const inside = (file: string) =>
    file.startsWith("/") ? file.startsWith(`${scratch}/`) : !file.split("/").includes("..");
  if (name === "connect" || name === "sendto" || name === "bind") {
    if (Number(result) < 0 && errno !== "EINPROGRESS") return false;
    const address = /sin6?_port=htons\((\d+)\)/.exec(args);
    if (address === null) return args.includes("sun_path");
    // A socket in progress inside goes nowhere but to the inside's own loopback: the canary tells of others.
    const isLoopback = /inet_addr\("127\.0\.0\.1"\)|"::1"/.test(args);
    return !(
      isLoopback &&
      (Number(address[1]) === port || errno === "EINPROGRESS" || name !== "connect")
    );
  }
  if (Number(result) < 0) return false;
  const file = /"([^"]*)"/.exec(args)?.[1] ?? "";
  if (name === "open" || name === "openat") {
    const isWriting = /O_WRONLY|O_RDWR|O_CREAT/.test(args);
    const isSystem = SYSTEM.some((prefix) => file.startsWith(prefix));
    return !inside(file) && (isWriting ? file !== "/dev/null" : !isSystem);
  }
  return name === "execve" ? !SYSTEM.some((prefix) => file.startsWith(prefix)) : !inside(file);
}

/** What the last run in `folder` did; an empty log means that nothing was traced. */
export async function readTrace(folder: string): Promise<string> {
  return readFile(path.join(folder, "trace.log"), "utf8");
}
