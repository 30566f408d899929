import { build } from "esbuild";
import { ROOT } from "./root.ts";

export { ROOT } from "./root.ts";

/**
 * Bundles the edge into one ES module, as `wrangler deploy` would.
 *
 * @throws esbuild's own error, which names file and line, when the edge does not compile.
 */
export async function bundleEdge(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    write: false,
    outfile: "edge.js",
    logLevel: "silent",
  });
  const [file] = result.outputFiles;
  if (!file) throw new Error(`esbuild wrote no output for ${entry}`);
  return file.text;
}
