import type { Capabilities } from "../../protocol/media.ts";
import type { Tools } from "./types.ts";

/** Finds out which encoders work, by encoding real frames with each. */
export function proveCapabilities(_tools: Tools, _signal: AbortSignal): Promise<Capabilities> {
  return Promise.reject(new Error("proveCapabilities is being written"));
}
