/** `npm run build:dashboard`: writes the dashboard where `wrangler.toml` looks for it, under `build/dashboard`. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildDashboard } from "./build.ts";

const TARGET = fileURLToPath(new URL("../../build/dashboard", import.meta.url));

const assets = await buildDashboard();
await rm(TARGET, { recursive: true, force: true });
let initialBytes = 0;
for (const asset of assets) {
  const file = path.join(TARGET, asset.path);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, asset.contents);
  if (asset.initial && asset.path.endsWith(".js")) initialBytes += gzipSync(asset.contents).length;
}
const kilobytes = (initialBytes / 1000).toFixed(1);
process.stdout.write(
  `dashboard: ${assets.length} files, ${kilobytes} kB of script (gzip) at first load\n`,
);
