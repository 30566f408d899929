/** Words and colours of a job's states. */
import type { Job } from "../../protocol/http/jobs.ts";
import type { Tone } from "../ui/basics.tsx";

export const stageNames = ["probing", "planning", "segmenting", "transcoding", "merging"] as const;
const endStates = ["completed", "failed", "rejected", "cancelled"] as const;
export const allStates = ["queued", ...stageNames, ...endStates] as const;

export function toneOf(state: Job["state"]): Tone {
  switch (state) {
    case "completed":
      return "good";
    case "failed":
    case "rejected":
      return "bad";
    case "cancelled":
      return "warn";
    case "queued":
      return "neutral";
    default:
      return "info";
  }
}

export function isOver(state: Job["state"]): boolean {
  return (endStates as readonly string[]).includes(state);
}

/** What a job does, in a few words. */
export function workOf(job: Job): string {
  if (job.mode === "ffmpeg") return "ffmpeg";
  const name = String(job.recipe?.name ?? "recipe");
  return job.presetId === null ? name : `${name} (${job.presetId})`;
}
