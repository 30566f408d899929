import { describe, expect, test } from "vitest";
import type { ReadyTask } from "../../../edge/domain/match.ts";
import { ReadyWindow, WINDOW } from "../../../edge/pool/ready-window.ts";
import { MODEST } from "../../../protocol/needs.ts";

const MOMENT = 500;

/** The rows, read as SQLite reads them, and the window that follows their changes. */
class Queue {
  readonly rows = new Map<string, ReadyTask>();
  reads = 0;
  readonly window = new ReadyWindow((now, limit) => {
    this.reads++;
    return this.inOrder(now).slice(0, limit);
  });

  inOrder(now: number): readonly ReadyTask[] {
    return [...this.rows.values()]
      .filter((task) => task.readyAt <= now)
      .sort(
        (a, b) =>
          b.priority - a.priority || a.queuedAt - b.queuedAt || (a.taskId < b.taskId ? -1 : 1),
      );
  }

  add(number: number, change: Partial<ReadyTask>, now: number): void {
    const taskId = `tsk_${String(number).padStart(6, "0")}`;
    const task = { taskId, jobId: taskId, accountId: "a", priority: 0, queuedAt: now } as const;
    const row = {
      ...task,
      readyAt: now,
      lastWorkerId: null,
      needs: MODEST,
      place: null,
      ...change,
    };
    this.rows.set(taskId, row);
    this.window.remove(taskId);
    this.window.add(row, now);
  }

  remove(taskId: string): void {
    this.rows.delete(taskId);
    this.window.remove(taskId);
  }
}

/** Numbers that are the same every time. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("the head of the queue in memory", () => {
  test("is the head of the rows after any changes, but for who became ready a moment ago", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pick = numbersFrom(seed);
      const queue = new Queue();
      let now = 10_000;
      for (let step = 0; step < 1_500; step++) {
        now += pick(40);
        if (pick(3) > 0) {
          const readyAt = pick(10) === 0 ? now + pick(2_000) : now;
          queue.add(pick(1_200), { priority: pick(3), queuedAt: now - pick(5_000), readyAt }, now);
        } else {
          const [taken] = queue.window.page(now).tasks;
          if (taken !== undefined) queue.remove(taken.taskId);
        }
        if (step % 25 > 0) continue;
        const { tasks, isLast } = queue.window.page(now);
        const sure = (task: ReadyTask) => task.readyAt <= now - MOMENT;
        const shown = tasks.filter(sure).map((task) => task.taskId);
        const rows = queue.inOrder(now).filter(sure);
        const expected = rows.map((task) => task.taskId);
        expect(shown).toEqual(isLast ? expected : expected.slice(0, shown.length));
      }
    }
  });

  test("is read anew once for half a window of leases, not for each", () => {
    const queue = new Queue();
    for (let i = 0; i < 4 * WINDOW; i++) queue.add(i, { queuedAt: i }, 0);
    for (let i = 0; i < 2 * WINDOW; i++) {
      const [taken] = queue.window.page(0).tasks;
      queue.remove(taken?.taskId ?? "");
    }
    expect(queue.reads).toBeLessThanOrEqual(4);
  });

  test("shows who waited for a backoff the moment that it is over", () => {
    const queue = new Queue();
    expect(queue.window.page(0)).toEqual({ tasks: [], isLast: true });
    queue.add(1, { readyAt: 100 }, 0);
    expect(queue.window.page(99).tasks).toEqual([]);
    expect(queue.window.page(100).tasks).toHaveLength(1);
  });

  test("is read anew when the clock was set back", () => {
    const queue = new Queue();
    queue.window.page(10_000);
    queue.window.page(5_000);
    expect(queue.reads).toBe(2);
  });
});
