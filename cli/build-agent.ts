#!/usr/bin/env node
/**
 * Bundles the agent into one file that Node from 22.19 on (undici's floor) runs, with nothing installed beside it but
 * ffmpeg: `npm run build:agent` writes `dist/telecine-agent.mjs`.
 */
import { chmod, stat } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";
import { sizeText } from "./job-display.ts";
import { ROOT } from "./runtime/bundle.ts";

const OLDEST_NODE = { major: 22, minor: 19 };

/**
 * What runs before anything bundled: an older Node is told what is wrong, and packages that are CommonJS inside get the
 * `require` that an ES module has not.
 */
const BANNER = `import { createRequire as __createRequire } from "node:module";
const [__major = 0, __minor = 0] = process.versions.node.split(".").map(Number);
if (__major < ${OLDEST_NODE.major} || (__major === ${OLDEST_NODE.major} && __minor < ${OLDEST_NODE.minor})) {
  console.error("The agent needs Node ${OLDEST_NODE.major}.${OLDEST_NODE.minor} or later; this is " + process.version + ".");
  process.exit(2);
}
const require = __createRequire(import.meta.url);`;

/** Writes the bundle and answers with its path. */
export async function buildAgent(folder = path.join(ROOT, "dist")): Promise<string> {
  const outfile = path.join(folder, "telecine-agent.mjs");
  await build({
    entryPoints: [path.join(ROOT, "worker-node/main.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    target: `node${OLDEST_NODE.major}.${OLDEST_NODE.minor}`,
    // ws uses them where they are installed, and does without.
    external: ["bufferutil", "utf-8-validate"],
    banner: { js: BANNER },
    legalComments: "linked",
    outfile,
    logLevel: "warning",
  });
  await chmod(outfile, 0o755);
  return outfile;
}

if (import.meta.main) {
  const outfile = await buildAgent();
  const { size } = await stat(outfile);
  process.stdout.write(`${path.relative(process.cwd(), outfile)} (${sizeText(size)})\n`);
}
