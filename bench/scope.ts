/** What a bench opened is closed again, in reverse order, however it ended. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

export interface Scope {
  /** Has this done when the scope ends. */
  defer(close: () => Promise<unknown> | unknown): void;
  /** A private folder that goes with the scope. */
  folder(): Promise<string>;
  end(): Promise<void>;
}

export function openScope(): Scope {
  const closers: (() => Promise<unknown> | unknown)[] = [];
  return {
    defer: (close) => void closers.push(close),
    folder: async () => {
      const made = await mkdtemp(path.join(tmpdir(), "telecine-bench-"));
      closers.push(() => rm(made, { recursive: true, force: true }));
      return made;
    },
    end: async () => {
      const failures: unknown[] = [];
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
        try {
          await close();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, "not everything was closed");
    },
  };
}
