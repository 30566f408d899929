/**
 * The head of the ready queue, kept in memory: matching looks at it with every lease, and reading it from rows each
 * time was half of what a lease cost. Always a prefix of the rows in queue order, except for tasks whose backoff ended
 * within the last moment.
 */
import type { ReadyTask } from "../domain/match.ts";

/** Tasks looked at together. */
export const WINDOW = 256;
/** How long a task whose backoff ended may be overlooked, in milliseconds; the alarm that rings for it does not. */
const FRESH_MS = 500;

export interface Page {
  readonly tasks: readonly ReadyTask[];
  /** Whether nothing follows. */
  readonly isLast: boolean;
}

export class ReadyWindow {
  readonly #read: (now: number, limit: number) => readonly ReadyTask[];
  #tasks: ReadyTask[] | null = null;
  /** The last task that was read; null when the rows had no more. */
  #boundary: ReadyTask | null = null;
  #readAt = 0;
  #staleAt = 0;

  /** `read` answers with the first `limit` rows that are ready at `now`. */
  constructor(read: (now: number, limit: number) => readonly ReadyTask[]) {
    this.#read = read;
  }

  page(now: number): Page {
    const tasks = this.#fresh(now);
    const isLast = this.#boundary === null && tasks.length <= WINDOW;
    return { tasks: tasks.slice(0, WINDOW), isLast };
  }

  /** The task is not ready any more, or was changed. */
  remove(taskId: string): void {
    const at = this.#tasks?.findIndex((task) => task.taskId === taskId) ?? -1;
    if (at >= 0) this.#tasks?.splice(at, 1);
  }

  add(task: ReadyTask, now: number): void {
    if (this.#tasks === null) return;
    if (task.readyAt > now) {
      this.#staleAt = Math.min(this.#staleAt, task.readyAt);
      return;
    }
    if (this.#boundary !== null && compareQueue(task, this.#boundary) > 0) return;
    const after = this.#tasks.findIndex((other) => compareQueue(task, other) < 0);
    this.#tasks.splice(after < 0 ? this.#tasks.length : after, 0, task);
    if (this.#tasks.length <= 2 * WINDOW) return;
    this.#tasks.length = WINDOW;
    this.#boundary = this.#tasks.at(-1) ?? null;
  }

  /** Reads the rows when it is next asked. */
  forget(): void {
    this.#tasks = null;
  }

  #fresh(now: number): readonly ReadyTask[] {
    const isFresh = now >= this.#readAt && now < this.#staleAt;
    const isEnough = this.#boundary === null || (this.#tasks?.length ?? 0) >= WINDOW / 2;
    if (this.#tasks !== null && isFresh && isEnough) return this.#tasks;
    const tasks = [...this.#read(now, WINDOW)];
    this.#tasks = tasks;
    this.#boundary = tasks.length < WINDOW ? null : (tasks.at(-1) ?? null);
    this.#readAt = now;
    this.#staleAt = now + FRESH_MS;
    return tasks;
  }
}

/** The order of the rows: the higher priority first, then the older. Ids are ASCII, as SQLite compares them. */
function compareQueue(a: ReadyTask, b: ReadyTask): number {
  const order =
    b.priority - a.priority || a.queuedAt - b.queuedAt || (a.place ?? 0) - (b.place ?? 0);
  if (order !== 0) return order;
  return a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0;
}
