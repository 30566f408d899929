/** Builds the dashboard: one page, one style sheet, hashed scripts. Takes a fraction of a second. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type OutputFile, type Plugin } from "esbuild";
import { recipeForms } from "./recipes.ts";

export interface Asset {
  /** As in `/assets/main-ABCDEFGH.js`. */
  readonly path: string;
  readonly contentType: string;
  readonly contents: Uint8Array;
  /** Loaded with the page, before anybody has done anything. */
  readonly initial: boolean;
}

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** `virtual:recipes` is the list of recipe forms. */
const recipesPlugin: Plugin = {
  name: "recipes",
  setup(esbuild) {
    esbuild.onResolve({ filter: /^virtual:recipes$/ }, () => ({
      path: "recipes",
      namespace: "telecine",
    }));
    esbuild.onLoad({ filter: /.*/, namespace: "telecine" }, () => ({
      contents: JSON.stringify(recipeForms()),
      loader: "json",
    }));
  },
};

/**
 * The files that make up the dashboard, by path. Names of scripts and styles carry a hash of their contents.
 *
 * @throws esbuild's own error, which names file and line, when it does not compile.
 */
export async function buildDashboard(): Promise<readonly Asset[]> {
  const result = await build({
    entryPoints: { main: path.join(FOLDER, "main.tsx") },
    absWorkingDir: FOLDER,
    outdir: path.join(FOLDER, "assets"),
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2023",
    minify: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "silent",
    plugins: [recipesPlugin],
  });
  const built = result.outputFiles.map(assetOf);
  const entry = entryOf(result.metafile.outputs);
  const initial = initialFiles(result.metafile.outputs, entry);
  const assets = built.map((asset) => ({ ...asset, initial: initial.has(asset.path) }));
  const icon = await iconAsset();
  return [await pageAsset(assets, entry, icon.path), icon, ...assets];
}

const urlPath = (file: string) => `/assets/${path.basename(file)}`;

function assetOf(file: OutputFile): Omit<Asset, "initial"> {
  const contentType = contentTypes[path.extname(file.path)] ?? "application/octet-stream";
  return { path: urlPath(file.path), contentType, contents: file.contents };
}

type Outputs = NonNullable<Awaited<ReturnType<typeof build>>["metafile"]>["outputs"];

function entryOf(outputs: Outputs): string {
  const entry = Object.entries(outputs).find(
    ([file, { entryPoint }]) => entryPoint !== undefined && /main-[^/]*\.js$/.test(file),
  );
  if (entry === undefined) throw new Error("The dashboard has no entry script.");
  return entry[0];
}

/** The entry and what it imports at once, its style sheet included: not what is imported on demand. */
function initialFiles(outputs: Outputs, entry: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (file: string) => {
    const output = outputs[file];
    if (output === undefined || found.has(urlPath(file))) return;
    found.add(urlPath(file));
    if (output.cssBundle !== undefined) visit(output.cssBundle);
    for (const { path: imported, kind } of output.imports) {
      if (kind === "import-statement") visit(imported);
    }
  };
  visit(entry);
  return found;
}

async function pageAsset(assets: readonly Asset[], entry: string, icon: string): Promise<Asset> {
  const head = assets
    .filter(({ initial }) => initial)
    .map(({ path: file }) => {
      if (file.endsWith(".css")) return `<link rel="stylesheet" href="${file}">`;
      return file === urlPath(entry)
        ? `<script type="module" src="${file}"></script>`
        : `<link rel="modulepreload" href="${file}">`;
    });
  head.push(`<link rel="icon" type="image/svg+xml" href="${icon}">`);
  const template = await readFile(path.join(FOLDER, "index.html"), "utf8");
  const page = template.replace("<!-- assets -->", head.join("\n    "));
  const contents = new TextEncoder().encode(page);
  return { path: "/index.html", contentType: contentTypes[".html"] ?? "", contents, initial: true };
}

async function iconAsset(): Promise<Asset> {
  const contents = await readFile(path.join(FOLDER, "icon.svg"));
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 8);
  const contentType = contentTypes[".svg"] ?? "";
  return { path: `/assets/icon-${hash}.svg`, contentType, contents, initial: false };
}
