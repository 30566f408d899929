/** A video divided, made in parts and merged with real ffmpeg, by the agent's own pieces; and what came of it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chunkFile, chunkStep, rawFile } from "../../../protocol/chunks/chunk-step.ts";
import type { ByteSpan, Chunk, ChunkPlan, MediaIndex } from "../../../protocol/chunks/contract.ts";
import { divide, mayDivide } from "../../../protocol/chunks/divide.ts";
import { outputTicks, shownAt } from "../../../protocol/chunks/grid.ts";
import { JOINED_PICTURES, JOINED_SOUND, mergeStep } from "../../../protocol/chunks/merge-step.ts";
import { extensionOf } from "../../../protocol/formats.ts";
import type { OutputFormat, SourceInfo } from "../../../protocol/media.ts";
import type { Divisible, FfmpegStep, Plan } from "../../../protocol/plan.ts";
import { defaultFormat, planWork, recipeRequestSchema } from "../../../protocol/recipes/index.ts";
import { cutChunk } from "../../../worker-node/chunks/cut-chunk.ts";
import { portable } from "../../../worker-node/ffmpeg/argv.ts";
import { readFrameIndex } from "../../../worker-node/ffmpeg/frame-index.ts";
import {
  checkOutput,
  type ListedFile,
  probeSource,
  resolveTools,
  runStep,
  type Tools,
} from "../../../worker-node/ffmpeg/index.ts";
import { fileUpstream } from "../../../worker-node/source/file-upstream.ts";
import { joinedUpstream } from "../../../worker-node/source/joined-upstream.ts";
import { type ServedInput, startSourceServer } from "../../../worker-node/source/server.ts";
import type { Upstream } from "../../../worker-node/source/upstream.ts";
import { softwareEncoders } from "../recipes/support.ts";

export interface MadeInParts {
  readonly source: SourceInfo;
  readonly plan: Plan;
  readonly chunks: ChunkPlan;
  /** The merged file. */
  readonly file: string;
  /** By rendition, the files of its chunks in order. */
  readonly files: ReadonlyMap<
    string,
    readonly { readonly path: string; readonly index: MediaIndex; readonly listed: ListedFile }[]
  >;
  /** Of the source, what was fetched for each chunk's ffmpeg: bytes, and in how many requests. */
  readonly fetched: readonly { readonly bytes: number; readonly requests: number }[];
  /** What ffmpeg said while it made the chunks. */
  readonly said: readonly string[];
  /** Of the joined pictures: how many bytes there are, and how many the merge's ffmpeg was served. */
  readonly joined: { readonly bytes: number; readonly served: number };
}

export interface Parts {
  readonly dir: string;
  readonly tools: Tools;
  make(name: string, ...args: string[]): string;
  /** @throws where the video stays whole. */
  inParts(
    file: string,
    recipe: Readonly<Record<string, unknown>>,
    options?: {
      readonly freeSlots?: number;
      readonly format?: OutputFormat;
      /** False: as for encoders that are given none. */
      readonly overlap?: boolean;
      /** What is said of a chunk's bytes in place of what the plan says; undefined says nothing. */
      readonly reads?: (chunk: Chunk) => ByteSpan | undefined;
    },
  ): Promise<MadeInParts>;
  whole(
    file: string,
    recipe: Readonly<Record<string, unknown>>,
    format?: OutputFormat,
  ): Promise<string>;
  close(): Promise<void>;
}

export async function openParts(): Promise<Parts> {
  const dir = mkdtempSync(join(tmpdir(), "telecine-parts-"));
  const tools = await resolveTools(process.env);
  const server = await startSourceServer();
  const { signal } = new AbortController();
  let runs = 0;
  const serve = (path: string) =>
    server.serve(fileUpstream(path, statSync(path).size, "video/mp4"));

  const planOf = async (
    file: string,
    given: Readonly<Record<string, unknown>>,
    format?: OutputFormat,
  ) => {
    const input = serve(file);
    const { url, sizeBytes } = input;
    const probed = await probeSource(tools, { url, sizeBytes, signal, forPassthrough: true });
    if (probed.status === "failed") throw new Error(probed.detail);
    const recipe = recipeRequestSchema.parse(given);
    const kind = format ?? defaultFormat(recipe.name);
    const output = { key: "out_1", file: `result.${extensionOf[kind]}`, format: kind };
    const work = { mode: "recipe" as const, recipe };
    const plan = planWork(work, { in_1: probed.source }, output, softwareEncoders);
    if (plan.status === "rejected") throw new Error(plan.detail);
    const scratchDir = join(dir, `run-${++runs}`);
    mkdirSync(scratchDir);
    return { input, source: probed.source, plan, scratchDir };
  };

  const run = async (
    step: FfmpegStep,
    scratchDir: string,
    inputs: Readonly<Record<string, ServedInput>>,
  ) => {
    const done = await runStep(tools, step, {
      inputUrl: (key, reads) => {
        const input = inputs[key];
        return (reads === undefined ? input?.url : input?.urlFor(reads)) ?? "";
      },
      scratchDir,
      signal,
      onProgress: () => {},
      stallMs: 60_000,
    });
    if (done.status !== "ok") throw new Error(`${JSON.stringify(step)}\n${JSON.stringify(done)}`);
    return done.log;
  };

  return {
    dir,
    tools,
    make(name, ...args) {
      const path = join(dir, name);
      execFileSync(
        tools.ffmpeg,
        ["-nostdin", "-v", "error", "-y", ...portable(args, tools.features), path],
        { stdio: "pipe" },
      );
      return path;
    },
    async inParts(file, recipe, options = {}) {
      const { freeSlots = 2, format, overlap = true, reads = (chunk) => chunk.reads } = options;
      const { source, plan, scratchDir } = await planOf(file, recipe, format);
      const sources = { in_1: source };
      const refusal = mayDivide(plan, sources, freeSlots, 0);
      const { division } = plan;
      if (refusal !== null || division === undefined) throw new Error(refusal ?? "no division");
      const listing = serve(file);
      const listed = await readFrameIndex(tools, { ...listing, source, signal });
      if (listed.status !== "ok") throw new Error(listed.reason);
      const { index } = listed;
      const request = { sources, index, freeSlots, indexBytes: 0 };
      const divided = divide({ ...request, division: overlap ? division : untried(division) });
      if (divided.status === "whole") throw new Error(divided.reason);
      const chunks = divided.plan;
      const files = new Map<string, { path: string; index: MediaIndex; listed: ListedFile }[]>();
      const fetched: { bytes: number; requests: number }[] = [];
      const said: string[] = [];
      for (const chunk of chunks.chunks) {
        const { upstream, count } = counted(file);
        const input = server.serve(upstream);
        const isLast = chunk.index === chunks.chunks.length - 1;
        const { reads: _, ...rest } = chunk;
        const span = reads(chunk);
        const told = span === undefined ? rest : { ...rest, reads: span };
        const step = chunkStep(division, chunks, told, isLast);
        said.push(...(await run(step, scratchDir, { in_1: input })));
        input.close();
        fetched.push(count());
        for (const { name, encoder } of division.renditions) {
          const path = join(scratchDir, chunkFile(name, chunk.index));
          const cut = await cutChunk(join(scratchDir, rawFile(name)), path, {
            rendition: name,
            encoder: encoder.name,
            chunk: chunk.index,
            from: shownAt(chunks.grid, chunk.from),
            to: shownAt(chunks.grid, chunk.to),
            ticks: outputTicks(chunks.grid),
            frames: chunk.frames,
            segmentSeconds: chunks.presentation?.segmentSeconds ?? null,
          });
          if (cut.status === "invalid") throw new Error(cut.detail);
          files.set(name, [
            ...(files.get(name) ?? []),
            { path, index: cut.index, listed: cut.listed },
          ]);
        }
      }
      const { sound } = division;
      if (sound !== null) {
        const step: FfmpegStep = {
          kind: "ffmpeg",
          stage: "transcoding",
          inputs: [{ from: { source: "in_1" }, options: [] }],
          filterComplex: null,
          outputs: sound.outputs,
          expectedFrames: null,
          expectedSeconds: null,
          encoder: null,
        };
        await run(step, scratchDir, { in_1: serve(file) });
        for (const one of sound.promises) {
          const gate = await checkOutput(tools, join(scratchDir, one.file), one, signal);
          if (gate.status === "invalid") throw new Error(gate.detail);
        }
      }
      const frames = chunks.chunks.reduce((sum, one) => sum + one.frames, 0);
      const [promise] = plan.outputs;
      if (promise === undefined) throw new Error("nothing is promised");
      const step = mergeStep(division, source, promise, frames);
      let merged = "";
      let joined = { bytes: 0, served: 0 };
      if (step !== null && division.result.kind === "file") {
        const [pieces] = [...files.values()];
        const all = (pieces ?? []).flatMap(({ path, index }, at) => {
          const upstream = fileUpstream(path, statSync(path).size, "video/mp4");
          const size = statSync(path).size;
          const media = { upstream, offset: index.headSize, length: size - index.headSize };
          return at === 0 ? [{ upstream, offset: 0, length: size }] : [media];
        });
        const { soundFile } = division.result;
        const upstream = joinedUpstream(all, "video/mp4");
        const pictures = server.serve(upstream);
        await run(step, scratchDir, {
          in_1: serve(file),
          [JOINED_PICTURES]: pictures,
          ...(soundFile === null ? {} : { [JOINED_SOUND]: serve(join(scratchDir, soundFile)) }),
        });
        joined = { bytes: upstream.sizeBytes, served: pictures.bytesServed() };
        merged = join(scratchDir, promise.file);
        const video = promise.video === null ? null : { ...promise.video, frames };
        const gate = await checkOutput(tools, merged, { ...promise, video }, signal);
        if (gate.status === "invalid") throw new Error(gate.detail);
      }
      return { source, plan, chunks, file: merged, files, fetched, said, joined };
    },
    async whole(file, recipe, format) {
      const { input, plan, scratchDir } = await planOf(file, recipe, format);
      for (const step of plan.steps) {
        if (step.kind === "ffmpeg") await run(step, scratchDir, { in_1: input });
      }
      return join(scratchDir, plan.outputs[0]?.file ?? "");
    },
    async close() {
      await server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A file whose reading is counted, as that of a source at the edge would be. */
export function counted(file: string) {
  const upstream = fileUpstream(file, statSync(file).size, "video/mp4");
  let [bytes, requests] = [0, 0];
  const counting: Upstream = {
    ...upstream,
    async *read(offset, length, signal) {
      requests += 1;
      for await (const piece of upstream.read(offset, length, signal)) {
        bytes += piece.length;
        yield piece;
      }
    },
  };
  return { upstream: counting, count: () => ({ bytes, requests }) };
}

/** By an encoder that nobody knows. */
function untried(division: Divisible): Divisible {
  const encoder = { name: "untried", device: "cpu" };
  const renditions = division.renditions.map((one) => ({ ...one, encoder }));
  return { ...division, renditions };
}

/** Of every picture in order of presentation: when it is shown, in seconds, and what is in it. */
export function frameSums(tools: Tools, file: string): readonly { time: number; sum: string }[] {
  const text = execFileSync(
    tools.ffmpeg,
    [
      ...["-nostdin", "-v", "error", "-i", file, "-map", "0:V:0", "-an"],
      ...portable(["-fps_mode", "passthrough"], tools.features),
      ...["-enc_time_base", "1:90000", "-pix_fmt", "yuv420p", "-f", "framemd5", "-"],
    ],
    { maxBuffer: 64_000_000 },
  ).toString();
  return text.split("\n").flatMap((line) => {
    const [, , pts, , , sum] = line.split(",").map((field) => field.trim());
    if (line.startsWith("#") || pts === undefined || sum === undefined) return [];
    return [{ time: Number(pts) / 90_000, sum }];
  });
}
