import type { PromisedOutput } from "../../protocol/plan.ts";
import type { GateResult, Tools } from "./types.ts";

/** Compares an output file with what the plan promised. `file` is an absolute path. */
export function checkOutput(
  _tools: Tools,
  _file: string,
  _promise: PromisedOutput,
  _signal: AbortSignal,
): Promise<GateResult> {
  return Promise.reject(new Error("checkOutput is being written"));
}
