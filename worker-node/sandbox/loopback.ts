/** A new network namespace has a loopback that is down. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Run } from "./narrow.ts";

/** Bit of an interface's flags (netdevice(7)). */
const IFF_UP = 1;

/** By iproute2, which small images lack; then by the flags that a sysfs mounted inside shows of the interface. */
export function raiseLoopback(run: Run): void {
  try {
    run("ip", "link", "set", "lo", "up");
  } catch {
    run("mount", "-t", "sysfs", "sysfs", "/sys");
    const flags = "/sys/class/net/lo/flags";
    writeFileSync(flags, String(Number(readFileSync(flags, "utf8")) | IFF_UP));
    run("umount", "/sys");
  }
}
