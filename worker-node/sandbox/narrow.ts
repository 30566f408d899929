/** Makes the file system of this process's mount namespace small: what a view names, on an empty root. */
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  type Stats,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { parseMounts, readOnlyOptions, type View } from "./view.ts";

/** Runs a program to its end. @throws when it fails */
export type Run = (program: string, ...args: readonly string[]) => void;

/** Where pivot_root(2) puts the old root for a moment. */
const OLD_ROOT = "/.old";

/** @param root an empty directory, not itself part of the view but for `writable`. */
export function narrow(root: string, view: View, run: Run): void {
  run("mount", "-t", "tmpfs", "-o", "mode=755,size=4m", "telecine", root);
  for (const path of view.empty) mkdirSync(`${root}${path}`, { recursive: true });
  for (const path of view.readOnly) attach(root, path, "--rbind", run);
  // Mounts that were made before ours are locked together in a user namespace: they are bound with what is on them.
  const mounts = parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
  for (const mount of mounts.filter(({ path }) => path.startsWith(`${root}/`))) {
    run("mount", "-o", readOnlyOptions(mount), mount.path);
  }
  // Without what is mounted on it: the new root is.
  for (const path of view.writable) attach(root, path, "--bind", run);
  mkdirSync(`${root}${OLD_ROOT}`);
  process.chdir("/");
  run("pivot_root", root, `${root}${OLD_ROOT}`);
  process.chdir("/");
  run("umount", "-l", OLD_ROOT);
  rmdirSync(OLD_ROOT);
  run("mount", "-o", "remount,bind,ro", "/");
}

/** Shows `path` at its own place under the new root; a link stays a link, and what does not exist stays away. */
function attach(root: string, path: string, kind: "--bind" | "--rbind", run: Run): void {
  const target = `${root}${path}`;
  const found = lookAt(path);
  if (found === null) return;
  mkdirSync(dirname(target), { recursive: true });
  if (found.isSymbolicLink()) {
    symlinkSync(readlinkSync(path), target);
    return;
  }
  if (found.isDirectory()) mkdirSync(target, { recursive: true });
  else writeFileSync(target, "");
  run("mount", kind, path, target);
}

function lookAt(path: string): Stats | null {
  try {
    const link = lstatSync(path);
    // A directory may be reached through links of its parents; only the last name is kept as a link.
    return link.isSymbolicLink() ? link : statSync(path);
  } catch {
    return null;
  }
}
