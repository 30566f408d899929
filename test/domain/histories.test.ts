import fc from "fast-check";
import { describe, test } from "vitest";
import { rulesWith } from "./fixtures.ts";
import { history } from "./world/commands.ts";
import { play } from "./world/play.ts";

/** The ordinary tests play the same histories every time; `TELECINE_HISTORIES` asks for that many new ones. */
const asked = process.env.TELECINE_HISTORIES;
const numRuns = Number(asked ?? 2000);
/** `TELECINE_SEED` and `TELECINE_PATH` replay what a failure printed. */
const seed = process.env.TELECINE_SEED ?? (asked === undefined ? "20261122" : undefined);
const path = process.env.TELECINE_PATH;

describe("whatever happens to jobs, leases, sockets and clocks", () => {
  test(
    `the invariants hold over ${numRuns} histories`,
    () => {
      fc.assert(
        fc.property(history, (events) => play(events, rulesWith())),
        {
          numRuns,
          includeErrorInReport: true,
          ...(seed === undefined ? {} : { seed: Number(seed) }),
          ...(path === undefined ? {} : { path }),
        },
      );
    },
    Math.max(60_000, numRuns * 60),
  );
});
