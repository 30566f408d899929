/** What the simulated pool's shell makes of a job for the matcher, and of a check for the machine. */
import type { VerifyEffect } from "../../../edge/domain/effects.ts";
import type { ReadyTask } from "../../../edge/domain/match.ts";
import type { LiveJob } from "../../../edge/domain/model.ts";
import { placeOf } from "../../../edge/domain/parts.ts";
import { needsOf } from "../../../protocol/needs.ts";
import { noMedia } from "../fixtures.ts";

/** The job's tasks that wait for a worker. */
export function readyTasks({ job, tasks }: LiveJob): ReadyTask[] {
  return tasks.flatMap((task) =>
    task.state === "ready"
      ? [
          {
            ...job.submission,
            ...task,
            accountId: "default",
            needs: needsOf(job.submission.work, task.kind),
            place: placeOf(task),
          },
        ]
      : [],
  );
}

/** The outputs of an attempt whose check passed, under the keys that it alone may write. */
export function acceptedOutputs({ jobId, run, taskId, epoch, claimed }: VerifyEffect) {
  const prefix = `jobs/${jobId}/${run}/${taskId}/${epoch}`;
  return claimed.outputs.map((output) => ({
    name: output.filename,
    key: `${prefix}/${output.filename}`,
    etag: "e",
    contentType: output.contentType,
    format: output.format,
    sizeBytes: output.sizeBytes,
    sha256: output.sha256,
    media: noMedia,
    ...(output.index === undefined ? {} : { index: output.index }),
  }));
}
