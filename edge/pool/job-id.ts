import { idPrefixes } from "../../protocol/ids.ts";

const TASK_PREFIX = "tsk_";
const ULID_LENGTH = 26;

/** The job that a well-formed task id is derived from (`taskIdOf`). Says nothing about whether it exists. */
export function jobIdOfTask(taskId: string): string {
  return idPrefixes.job + taskId.slice(TASK_PREFIX.length, TASK_PREFIX.length + ULID_LENGTH);
}
