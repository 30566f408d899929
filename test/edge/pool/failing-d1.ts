/** D1 as it is on a bad day: some calls fail, and of some only the answer is lost. */
import { env } from "cloudflare:workers";
import { vi } from "vitest";

export interface Failures {
  /** Calls that did nothing. */
  refused: number;
  /** Calls that did all they were asked, and failed all the same for whoever asked. */
  unanswered: number;
  calls: number;
  /** D1 is well again. */
  end(): void;
}

/** Makes a share of D1's calls fail, every second of them after it took effect; the draws are the same in every run. */
export function failD1(share: number): Failures {
  const failures = { refused: 0, unanswered: 0, calls: 0 };
  const draw = drawer();
  const end = intercept(async (work) => {
    failures.calls++;
    const drawn = draw();
    if (drawn < share / 2) {
      failures.refused++;
      throw new Error("D1_ERROR: storage timed out");
    }
    const result = await work();
    if (drawn >= share) return result;
    failures.unanswered++;
    throw new Error("D1_ERROR: Network connection lost");
  });
  return Object.assign(failures, { end });
}

/** D1 answers nothing for now. In the end it does everything that it was asked, or refuses it. */
export function stallD1(): { readonly answer: () => void; readonly refuse: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const restore = intercept(async (work) => {
    await promise;
    return work();
  });
  return {
    answer: () => {
      restore();
      resolve();
    },
    refuse: () => {
      restore();
      reject(new Error("D1_ERROR: storage timed out"));
    },
  };
}

/** Puts itself between D1 and whoever calls it; what comes back takes it away again. */
function intercept(call: <T>(work: () => Promise<T>) => Promise<T>): () => void {
  const { prepare, batch } = env.DB;
  const wrapped = new WeakMap<object, D1PreparedStatement>();

  function wrap(statement: D1PreparedStatement): D1PreparedStatement {
    const wrapper = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      run: () => call(() => statement.run()),
      all: () => call(() => statement.all()),
      first: (column?: string) =>
        call(() => (column === undefined ? statement.first() : statement.first(column))),
      raw: () => call(() => statement.raw()),
    } as unknown as D1PreparedStatement;
    wrapped.set(wrapper, statement);
    return wrapper;
  }

  const prepared = vi
    .spyOn(env.DB, "prepare")
    .mockImplementation((sql) => wrap(prepare.call(env.DB, sql)));
  const batched = vi.spyOn(env.DB, "batch").mockImplementation((statements) =>
    call(() => {
      const own = statements.map((statement) => wrapped.get(statement) ?? statement);
      return batch.call(env.DB, own) as never;
    }),
  );
  return () => {
    prepared.mockRestore();
    batched.mockRestore();
  };
}

/** Numbers from 0 to 1 by Lehmer's generator (Park and Miller 1988). */
function drawer(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
