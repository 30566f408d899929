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
    entryPoints: {
      main: path.join(FOLDER, "main.tsx"),
      reference: path.join(FOLDER, "reference/main.tsx"),
    },
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
  const { outputs } = result.metafile;
  const icon = await iconAsset();
  const pages = pageEntries.map(({ page, title, name }) => {
    const entry = entryOf(outputs, name);
    return pageAsset({ page, title, entry, icon: icon.path }, initialFiles(outputs, entry));
  });
  const initial = initialFiles(outputs, entryOf(outputs, "main"));
  const assets = built.map((asset) => ({ ...asset, initial: initial.has(asset.path) }));
  return [...(await Promise.all(pages)), icon, ...assets];
}

/** The pages and their scripts; what the first of them loads is what is watched. */
const pageEntries = [
  { page: "/index.html", title: "Telecine", name: "main" },
  { page: "/docs.html", title: "Telecine API", name: "reference" },
];

const urlPath = (file: string) => `/assets/${path.basename(file)}`;

function assetOf(file: OutputFile): Omit<Asset, "initial"> {
  const contentType = contentTypes[path.extname(file.path)] ?? "application/octet-stream";
  return { path: urlPath(file.path), contentType, contents: file.contents };
}

type Outputs = NonNullable<Awaited<ReturnType<typeof build>>["metafile"]>["outputs"];

function entryOf(outputs: Outputs, name: string): string {
  const entry = Object.entries(outputs).find(
    ([file, { entryPoint }]) =>
      entryPoint !== undefined && path.basename(file).startsWith(`${name}-`) && /\.js$/.test(file),
  );
  if (entry === undefined) throw new Error(`The dashboard has no entry script '${name}'.`);
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

interface Page {
  readonly page: string;
  readonly title: string;
  /** Its script, among the outputs. */
  readonly entry: string;
  readonly icon: string;
}

async function pageAsset(
  { page, title, entry, icon }: Page,
  initial: ReadonlySet<string>,
): Promise<Asset> {
  const head = [...initial].map((file) => {
    if (file.endsWith(".css")) return `<link rel="stylesheet" href="${file}">`;
    return file === urlPath(entry)
      ? `<script type="module" src="${file}"></script>`
      : `<link rel="modulepreload" href="${file}">`;
  });
  head.push(`<link rel="icon" type="image/svg+xml" href="${icon}">`);
  const template = await readFile(path.join(FOLDER, "index.html"), "utf8");
  const text = template
    .replace("<title>Telecine</title>", `<title>${title}</title>`)
    .replace("<!-- assets -->", head.join("\n    "));
  const contents = new TextEncoder().encode(text);
  return { path: page, contentType: contentTypes[".html"] ?? "", contents, initial: false };
}

async function iconAsset(): Promise<Asset> {
  const contents = await readFile(path.join(FOLDER, "icon.svg"));
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 8);
  const contentType = contentTypes[".svg"] ?? "";
  return { path: `/assets/icon-${hash}.svg`, contentType, contents, initial: false };
}
