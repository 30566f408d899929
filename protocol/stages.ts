/** The stages an attempt passes through, and the states a job shows. */
import { z } from "zod";

/** In the order in which they happen; those that a job does not need are skipped. */
export const stages = ["probing", "planning", "segmenting", "transcoding", "merging"] as const;
export const stageSchema = z.enum(stages);
export type Stage = z.infer<typeof stageSchema>;

export const terminalStates = ["completed", "failed", "rejected", "cancelled"] as const;
export type TerminalState = (typeof terminalStates)[number];

export const jobStates = ["queued", ...stages, ...terminalStates] as const;
export const jobStateSchema = z.enum(jobStates);
export type JobState = z.infer<typeof jobStateSchema>;

export const jobStatusSchema = z.enum(["queued", "processing", "completed", "failed", "cancelled"]);
export type JobStatus = z.infer<typeof jobStatusSchema>;

export function isTerminalState(state: JobState): state is TerminalState {
  return (terminalStates as readonly string[]).includes(state);
}

/** The coarse view of a state. A rejected job is a failed one to whoever only asks whether it worked. */
export function statusOf(state: JobState): JobStatus {
  switch (state) {
    case "queued":
    case "completed":
    case "failed":
    case "cancelled":
      return state;
    case "rejected":
      return "failed";
    case "probing":
    case "planning":
    case "segmenting":
    case "transcoding":
    case "merging":
      return "processing";
  }
}
