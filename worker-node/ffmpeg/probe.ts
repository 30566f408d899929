import type { ProbeRequest, ProbeResult, Tools } from "./types.ts";

/** Probes a source served over loopback HTTP. */
export function probeSource(_tools: Tools, _request: ProbeRequest): Promise<ProbeResult> {
  return Promise.reject(new Error("probeSource is being written"));
}
