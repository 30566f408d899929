import type { Tools } from "./types.ts";

/** No usable ffmpeg or ffprobe; the message names what was tried and the remedy. */
export class ToolsNotFoundError extends Error {
  override readonly name = "ToolsNotFoundError";
}

/** Finds an ffmpeg and an ffprobe that run. @throws ToolsNotFoundError */
export function resolveTools(_env: NodeJS.ProcessEnv): Promise<Tools> {
  return Promise.reject(new ToolsNotFoundError("resolveTools is being written"));
}
