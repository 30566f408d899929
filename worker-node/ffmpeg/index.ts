/** ffmpeg, as the rest of the agent sees it. */
export {
  type Proofs,
  prove,
  proveCapabilities,
  proveDevice,
  type Refusal,
} from "./capabilities.ts";
export { defaultMemoryBytes } from "./confinement.ts";
export {
  type IndexRequest,
  type IndexResult,
  indexBytes,
  readFrameIndex,
} from "./frame-index.ts";
export { checkOutput, checkOutputs } from "./gate.ts";
export { probeSource } from "./probe.ts";
export { cacheDir, type KeptProofs, keptProofs, machineFacts } from "./proof-cache.ts";
export { resolveTools, ToolsNotFoundError } from "./resolve.ts";
export { runStep } from "./run-step.ts";
export { metadataOf } from "./source-info.ts";
export type {
  EngineFailure,
  GateResult,
  HardwareFault,
  ListedFile,
  OutputFile,
  ProbeRequest,
  ProbeResult,
  Progress,
  RunStepOptions,
  StepResult,
  ToolFeatures,
  Tools,
} from "./types.ts";
