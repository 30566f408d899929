/** Small real sources, and a recipe run on one with real ffmpeg, as the agent does it. */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extensionOf } from "../../../protocol/formats.ts";
import type { EncoderCapability, OutputFormat, SourceInfo } from "../../../protocol/media.ts";
import type { Plan, PlanResult, PromisedOutput, Step } from "../../../protocol/plan.ts";
import type { QualityFigures } from "../../../protocol/quality.ts";
import { defaultFormat, planWork, recipeRequestSchema } from "../../../protocol/recipes/index.ts";
import { portable } from "../../../worker-node/ffmpeg/argv.ts";
import {
  checkOutput,
  probeSource,
  resolveTools,
  runStep,
  type Tools,
} from "../../../worker-node/ffmpeg/index.ts";
import { withLoudness } from "../../../worker-node/loudness.ts";
import { packageFiles } from "../../../worker-node/packaging/package-files.ts";
import { measurement } from "../../../worker-node/quality/measure-step.ts";
import { readFigures } from "../../../worker-node/quality/read-figures.ts";

/** The software encoders of Debian's ffmpeg; proving them is tested elsewhere. */
export const softwareEncoders: readonly EncoderCapability[] = [
  { encoder: "libx264", codec: "h264", device: "cpu", bitDepths: [8], maxSessions: null },
  { encoder: "libx265", codec: "hevc", device: "cpu", bitDepths: [8, 10], maxSessions: null },
  { encoder: "libsvtav1", codec: "av1", device: "cpu", bitDepths: [8, 10], maxSessions: null },
  { encoder: "libvpx-vp9", codec: "vp9", device: "cpu", bitDepths: [8], maxSessions: null },
];

export interface ProbedOutput {
  readonly streams: readonly ProbedStream[];
  readonly chapters: readonly { readonly tags?: Readonly<Record<string, string>> }[];
  readonly format: {
    readonly format_name: string;
    readonly duration?: string;
    readonly tags?: Readonly<Record<string, string>>;
  };
}

export interface ProbedStream {
  readonly codec_type: string;
  readonly codec_name: string;
  readonly codec_tag_string: string;
  readonly profile?: string;
  readonly width?: number;
  readonly height?: number;
  readonly pix_fmt?: string;
  readonly sample_aspect_ratio?: string;
  readonly field_order?: string;
  readonly avg_frame_rate: string;
  readonly nb_read_frames?: string;
  readonly start_time: string;
  readonly duration?: string;
  readonly channels?: number;
  readonly sample_rate?: string;
  readonly bit_rate?: string;
  readonly channel_layout?: string;
  readonly color_range?: string;
  readonly color_space?: string;
  readonly color_transfer?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly side_data_list?: readonly { readonly rotation?: number }[];
}

export interface RecipeRun {
  readonly source: SourceInfo;
  readonly plan: Plan;
  readonly file: string;
  /** Where everything lies that was made. */
  readonly scratchDir: string;
  readonly sources: ReadonlyMap<string, string>;
  readonly output: ProbedOutput;
  readonly video: ProbedStream | undefined;
  readonly audio: ProbedStream | undefined;
}

export interface Bench {
  readonly dir: string;
  readonly tools: Tools;
  /** Runs ffmpeg to make a source; returns its path. */
  make(name: string, ...args: string[]): string;
  probe(file: string): Promise<SourceInfo>;
  plan(
    file: string,
    recipe: Readonly<Record<string, unknown>>,
    format?: OutputFormat,
  ): Promise<PlanResult>;
  /** Probes, plans, runs and takes the result through the gate. */
  run(
    files: string | readonly string[],
    recipe: Readonly<Record<string, unknown>>,
    format?: OutputFormat,
  ): Promise<RecipeRun>;
  /** The figures of the plan's outputs that have pictures, in its order. */
  measure(run: RecipeRun): Promise<readonly QualityFigures[]>;
  close(): void;
}

/** A playlist is read by who tests it. */
const NOTHING: ProbedOutput = { streams: [], chapters: [], format: { format_name: "hls" } };

/** One scratch directory and one range server for a file of tests. */
export async function openBench(): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), "telecine-recipes-"));
  const tools = await resolveTools(process.env);
  const server = await serveFiles();
  const signal = new AbortController().signal;
  let runs = 0;

  async function probe(file: string): Promise<SourceInfo> {
    const probed = await probeSource(tools, {
      url: server.url(file),
      sizeBytes: statSync(file).size,
      signal,
      forPassthrough: true,
    });
    if (probed.status === "failed") throw new Error(`${file}: ${probed.detail}`);
    return probed.source;
  }

  async function planOf(
    sources: Readonly<Record<string, SourceInfo>>,
    recipe: Readonly<Record<string, unknown>>,
    format?: OutputFormat,
  ): Promise<PlanResult> {
    const request = recipeRequestSchema.parse(recipe);
    const kind = format ?? defaultFormat(request.name);
    const output = { key: "out_1", file: `result.${extensionOf[kind]}`, format: kind };
    return planWork({ mode: "recipe", recipe: request }, sources, output, softwareEncoders);
  }

  /** Takes one step of a plan in `scratchDir`, as the agent does. `sources` are the files of its inputs. */
  async function perform(
    step: Step,
    scratchDir: string,
    sources: ReadonlyMap<string, string>,
  ): Promise<void> {
    switch (step.kind) {
      case "copy":
        copyFileSync(sources.get(step.source) ?? "", join(scratchDir, step.file));
        return;
      case "write":
        writeFileSync(join(scratchDir, step.file), step.text);
        return;
      case "package": {
        const packaged = await packageFiles(scratchDir, step, signal);
        if (packaged.status === "failed") throw new Error(packaged.detail);
        return;
      }
      case "ffmpeg": {
        const done = await runStep(tools, await withLoudness(step, scratchDir), {
          inputUrl: (key) => server.url(sources.get(key) ?? ""),
          scratchDir,
          signal,
          onProgress: () => {},
          stallMs: 60_000,
        });
        if (done.status !== "ok") throw new Error(JSON.stringify([step, done]));
      }
    }
  }

  /** Takes an output through the gate. */
  async function pass(promise: PromisedOutput, scratchDir: string) {
    const gate = await checkOutput(tools, join(scratchDir, promise.file), promise, signal);
    if (gate.status === "invalid") throw new Error(`the gate: ${gate.detail}`);
    return gate;
  }

  return {
    dir,
    tools,
    make(name, ...args) {
      const path = join(dir, name);
      ffmpeg(tools, [...args, path]);
      return path;
    },
    probe,
    async plan(file, recipe, format) {
      return planOf({ in_1: await probe(file) }, recipe, format);
    },
    async run(given, recipe, format) {
      const files = typeof given === "string" ? [given] : given;
      const keyed = new Map(files.map((file, at) => [`in_${at + 1}`, file]));
      const sources: Record<string, SourceInfo> = {};
      for (const [key, file] of keyed) sources[key] = await probe(file);
      const [source] = Object.values(sources);
      if (source === undefined) throw new Error("no input");
      const plan = await planOf(sources, recipe, format);
      if (plan.status === "rejected") throw new Error(`rejected: ${plan.detail}`);
      const [promised] = plan.outputs;
      if (promised === undefined) throw new Error("the plan promises nothing");
      runs += 1;
      const scratchDir = join(dir, `run-${runs}`);
      mkdirSync(scratchDir);
      for (const step of plan.steps) await perform(step, scratchDir, keyed);
      for (const promise of plan.outputs) await pass(promise, scratchDir);
      const result = join(scratchDir, promised.file);
      const output = promised.format === "hls" ? NOTHING : probeOutput(tools, result);
      return {
        source,
        plan,
        file: result,
        scratchDir,
        sources: keyed,
        output,
        video: output.streams.find((stream) => stream.codec_type === "video"),
        audio: output.streams.find((stream) => stream.codec_type === "audio"),
      };
    },
    async measure({ plan, scratchDir, sources }) {
      const figures: QualityFigures[] = [];
      for (const [at, promise] of plan.outputs.entries()) {
        const { reference } = promise;
        if (reference === undefined) continue;
        const { pictures, media } = await pass(promise, scratchDir);
        if (pictures === undefined) throw new Error("no pictures");
        const { frames, startSeconds } = pictures;
        const size = { width: media.width ?? 0, height: media.height ?? 0 };
        const planned = measurement({
          ...{ promise, reference, at, size, startSeconds, frames },
          stage: "transcoding",
          hasVmaf: tools.features.vmaf,
        });
        await perform(planned.step, scratchDir, sources);
        const read = await readFigures({
          ...{ dir: scratchDir, measurement: planned, bitDepth: reference.bitDepth, frames },
        });
        if (read.status === "incomplete") throw new Error(read.detail);
        figures.push(read.figures);
      }
      return figures;
    },
    close() {
      server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function ffmpeg(tools: Tools, args: readonly string[]): void {
  const options = portable(args, tools.features);
  execFileSync(tools.ffmpeg, ["-nostdin", "-v", "error", "-y", ...options], { stdio: "pipe" });
}

/** What ffprobe reads of a finished file, frames counted. */
export function probeOutput(tools: Tools, file: string): ProbedOutput {
  const entries = ["-show_streams", "-show_format", "-show_chapters", "-count_frames"];
  const text = execFileSync(tools.ffprobe, ["-v", "error", ...entries, "-of", "json", file]);
  return JSON.parse(text.toString());
}

/** Presentation times of a file's pictures or sound, in seconds, in order. */
export function frameTimes(tools: Tools, file: string, stream: "v:0" | "a:0"): number[] {
  const text = execFileSync(tools.ffprobe, [
    ...["-v", "error", "-select_streams", stream, "-show_entries", "frame=pts_time"],
    ...["-of", "csv=p=0", file],
  ]);
  return text
    .toString()
    .split("\n")
    .map((line) => Number.parseFloat(line))
    .filter((time) => !Number.isNaN(time));
}

/** Decoded samples of a file's picture at a time, one RGB triple per pixel, scaled to `width` × `height`. */
export function pixelsAt(
  tools: Tools,
  file: string,
  seconds: number,
  size: { width: number; height: number },
): Uint8Array {
  return execFileSync(tools.ffmpeg, [
    ...["-nostdin", "-v", "error", "-ss", String(seconds), "-i", file, "-map", "0:v:0"],
    ...["-vf", `scale=${size.width}:${size.height}:flags=area,format=rgb24`],
    ...["-frames:v", "1", "-f", "rawvideo", "-"],
  ]);
}

/** How bright each picture of a file is, 0 to 255, in order of presentation. */
export function brightness(tools: Tools, file: string): Uint8Array {
  return execFileSync(tools.ffmpeg, [
    ...["-nostdin", "-v", "error", "-i", file, "-map", "0:v:0"],
    ...portable(["-fps_mode", "passthrough"], tools.features),
    ...["-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo", "-"],
  ]);
}

/** Mono samples at 48 kHz from the beginning of presentation. */
export function samples(tools: Tools, file: string): Float32Array {
  const bytes = execFileSync(
    tools.ffmpeg,
    [
      ...["-nostdin", "-v", "error", "-i", file, "-map", "0:a:0"],
      ...["-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "f32le", "-"],
    ],
    { maxBuffer: 64_000_000 },
  );
  return new Float32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4));
}

async function serveFiles(): Promise<{ url(file: string): string; close(): void }> {
  const server = createServer((request, response) => {
    const file = decodeURIComponent((request.url ?? "/").slice(1));
    const { size } = statSync(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = range === null ? 0 : Number(range[1]);
    const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    if (start >= size) {
      response.writeHead(416, { "content-range": `bytes */${size}` }).end();
      return;
    }
    response.writeHead(range === null ? 200 : 206, {
      "accept-ranges": "bytes",
      "content-length": end - start + 1,
      ...(range === null ? {} : { "content-range": `bytes ${start}-${end}/${size}` }),
    });
    createReadStream(file, { start, end })
      .on("error", () => response.destroy())
      .pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: (file) => `http://127.0.0.1:${port}/${encodeURIComponent(file)}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
