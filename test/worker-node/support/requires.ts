/**
 * What a test needs of the ffmpeg at hand, where not every one has it: the suite runs with the 4.1 that npm
 * ships, too. A test that cannot be run there says so and why; with a current ffmpeg none is left out.
 */
import { execFileSync } from "node:child_process";
import type { TestContext } from "vitest";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";

type Kind = "encoder" | "filter" | "bsf";

/** How ffmpeg's help on one begins. */
const titles = { encoder: "Encoder", filter: "Filter", bsf: "Bit stream filter" } as const;

/** Whether this ffmpeg has an encoder, a filter or a bit stream filter of the name. */
export function has(tools: Tools, kind: Kind, name: string): boolean {
  const args = ["-hide_banner", "-h", `${kind}=${name}`];
  const text = execFileSync(tools.ffmpeg, args, { stdio: "pipe" }).toString();
  return text.startsWith(`${titles[kind]} ${name}`);
}

/** Leaves the test out where this ffmpeg has none such. */
export function requires(
  context: Pick<TestContext, "skip">,
  tools: Tools,
  kind: Kind,
  name: string,
): void {
  context.skip(!has(tools, kind, name), `ffmpeg ${tools.version} has no ${kind} ${name}`);
}
