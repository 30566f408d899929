/** Steps of a plan that need no ffmpeg: a source taken as it is, a text that the plan knows. */
import { createWriteStream } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { CopyStep, LocalStep, PackageStep } from "../protocol/plan.ts";
import type { Work } from "./attempt-parts.ts";
import type { Cuts } from "./deliver.ts";
import type { EngineFailure } from "./ffmpeg/index.ts";
import { send } from "./http.ts";
import { packageFiles } from "./packaging/package-files.ts";

export type LocalStepResult =
  | { readonly status: "ok"; readonly cuts: Cuts }
  | ({ readonly status: "failed" } & EngineFailure);

const NO_CUTS: Cuts = new Map();

/** Runs the step in the scratch directory. */
export async function runLocalStep(work: Work, step: LocalStep): Promise<LocalStepResult> {
  switch (step.kind) {
    case "copy": {
      const failure = await copySource(work, step);
      return failure === null ? { status: "ok", cuts: NO_CUTS } : { status: "failed", ...failure };
    }
    case "write":
      await writeFile(join(work.workDir, step.file), step.text, { mode: 0o600 });
      return { status: "ok", cuts: NO_CUTS };
    case "package":
      return packageSafely(work, step);
  }
}

async function packageSafely(work: Work, step: PackageStep): Promise<LocalStepResult> {
  // It reads heads and copies bytes on the disk, which no counter shows.
  work.tracker.setChecking(true);
  try {
    const packaged = await packageFiles(work.workDir, step, work.signal);
    if (packaged.status === "ok") return packaged;
    const { detail, isOurs } = packaged;
    return isOurs
      ? { status: "failed", code: "ENGINE_INVALID_RESPONSE", detail, retryable: true }
      : { status: "failed", code: "UNSUPPORTED_COMMAND", detail, retryable: false };
  } catch (error) {
    if (!work.signal.aborted) throw error;
    // Whoever stopped it looks at the signal.
    return { status: "failed", code: "ENGINE_ERROR", detail: "stopped", retryable: true };
  } finally {
    work.tracker.setChecking(false);
  }
}

/** The source's bytes become the output's; null is success. */
async function copySource(work: Work, step: CopyStep): Promise<EngineFailure | null> {
  const input = work.inputs.get(step.source);
  const answer = await send(work.dispatcher, new URL(input.url), {
    method: "GET",
    signal: work.signal,
  });
  const unreadable = {
    code: "SOURCE_UNAVAILABLE",
    detail: "The source broke off.",
    retryable: true,
  } as const;
  if (answer.status !== "answered" || answer.statusCode !== 200) {
    if (answer.status === "answered") answer.body.destroy();
    return unreadable;
  }
  const file = join(work.workDir, step.file);
  try {
    await pipeline(answer.body, createWriteStream(file, { mode: 0o600 }), { signal: work.signal });
    return (await stat(file)).size === input.sizeBytes ? null : unreadable;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") throw error;
    return unreadable;
  }
}
