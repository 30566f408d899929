/**
 * What a test needs of the ffmpeg at hand, where not every one has it: the suite runs with the 4.1 that npm
 * ships, too. A test that cannot be run there says so and why; with a current ffmpeg none is left out.
 */
import { execFileSync } from "node:child_process";
import type { TestContext } from "vitest";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";

/** Whether this ffmpeg has an encoder or a filter of the name. */
export function has(tools: Tools, kind: "encoder" | "filter", name: string): boolean {
  const args = ["-hide_banner", "-h", `${kind}=${name}`];
  const text = execFileSync(tools.ffmpeg, args, { stdio: "pipe" }).toString();
  return text.startsWith(kind === "encoder" ? `Encoder ${name}` : `Filter ${name}`);
}

/** Leaves the test out where this ffmpeg has no such encoder or filter. */
export function requires(
  context: Pick<TestContext, "skip">,
  tools: Tools,
  kind: "encoder" | "filter",
  name: string,
): void {
  context.skip(!has(tools, kind, name), `ffmpeg ${tools.version} has no ${kind} ${name}`);
}
