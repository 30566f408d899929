/** A safeguard whose removal nobody notices is not tested: each is taken out, and a history must show why it is there. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Guards } from "../../edge/domain/rules.ts";
import { rulesWith } from "./fixtures.ts";
import { history } from "./world/commands.ts";
import { type Law, Violation } from "./world/laws.ts";
import { play } from "./world/play.ts";

/**
 * The laws, any of which breaks first without the guard. Histories are too short to starve in: what `reserves` is for
 * stands with the matcher's own tests.
 */
const protects: Record<Exclude<keyof Guards, "reserves">, readonly Law[]> = {
  staleEpoch: ["stale"],
  holder: ["stale"],
  verifyEpoch: ["stale", "verified"],
  terminalAbsorbs: ["absorb"],
  movementRenews: ["notLate"],
  attemptCap: ["attempts"],
  releaseCap: ["attempts"],
  expiryCounts: ["attempts"],
  epochGrows: ["epochsGrow"],
  retryKeepsEpoch: ["epochsGrow"],
  oneLease: ["oneLease"],
  deadline: ["notEarly"],
  grace: ["notEarly"],
  sessionHolds: ["notEarly"],
  resumeOnce: ["notLate"],
  verifyFirst: ["verified"],
  nonEmpty: ["verified"],
  slots: ["slots"],
  slotsByNeed: ["slots"],
  progressHolds: ["progress"],
  sameAnswer: ["sameAnswer"],
  partsFirst: ["mergeLast"],
  oneWinner: ["oneWinner"],
  copiedOnce: ["copiedOnce"],
  pinned: ["pinned"],
};

describe("without the guard", () => {
  for (const [guard, broken] of Object.entries(protects)) {
    test(`${guard}, a law breaks within 1,000 histories: ${broken.join(" or ")}`, () => {
      const rules = rulesWith({ [guard]: false });
      const outcome = fc.check(
        fc.property(history, (events) => play(events, rules)),
        { numRuns: 1000, seed: 20_261_122, endOnFailure: true },
      );
      expect(outcome.errorInstance).toBeInstanceOf(Violation);
      const { law } = outcome.errorInstance as Violation;
      expect(broken).toContain(law);
    });
  }
});
