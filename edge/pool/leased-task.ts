import type { LeaseRef } from "../../protocol/task.ts";
import type { LiveJob, TaskIn } from "../domain/model.ts";

/** The task if it is leased under this epoch. */
export function leasedTask(live: LiveJob, { taskId, epoch }: LeaseRef): TaskIn<"leased"> | null {
  const task = live.tasks.find((candidate) => candidate.taskId === taskId);
  return task?.state === "leased" && task.lease.epoch === epoch ? task : null;
}
