/** The stages of a job in their order: what was done, what is being done, how long each took. */
import type { Job } from "../../protocol/http/jobs.ts";
import { duration } from "../lib/format.ts";
import { isOver, stageNames } from "../lib/states.ts";

export function Timeline({ job, now }: { readonly job: Job; readonly now: number }) {
  return (
    <ol class="timeline" aria-label="Stages">
      {stageNames.map((name) => {
        const stage = job.stages.find((each) => each.name === name);
        const isPassed = stage === undefined && isSkipped(job, name);
        const state = stage?.state ?? (isOver(job.state) || isPassed ? "skipped" : "waiting");
        return (
          <li
            key={name}
            class={isPassed ? "skipped passed" : state}
            aria-current={state === "running" ? "step" : undefined}
          >
            <span class="dot" aria-hidden="true" />
            <span class="stage-name">{name}</span>
            <span class="small muted">{wordsOf({ job, name, state, stage, now })}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** A stage that a later one has overtaken was not needed. */
function isSkipped(job: Job, name: (typeof stageNames)[number]): boolean {
  const reached = Math.max(-1, ...job.stages.map((stage) => stageNames.indexOf(stage.name)));
  return stageNames.indexOf(name) < reached;
}

function wordsOf({
  job,
  name,
  state,
  stage,
  now,
}: {
  readonly job: Job;
  readonly name: (typeof stageNames)[number];
  readonly state: string;
  readonly stage: Job["stages"][number] | undefined;
  readonly now: number;
}): string {
  if (stage === undefined) {
    if (state !== "skipped") return "waiting";
    return job.state === "completed" || isSkipped(job, name) ? "not needed" : "not reached";
  }
  const end = stage.completedAt === null ? now : Date.parse(stage.completedAt);
  const took = duration(Math.max(0, (end - Date.parse(stage.startedAt)) / 1000));
  if (state === "running") return `${Math.round(stage.progress)} % · ${took}`;
  return state === "completed" ? took : `${state} after ${took}`;
}
