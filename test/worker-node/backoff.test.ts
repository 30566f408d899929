import fc from "fast-check";
import { expect, test } from "vitest";
import { FIRST_RECONNECT_MS, reconnectDelayMs, requestDelayMs } from "../../worker-node/backoff.ts";

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("the first reconnect comes within 500 ms", () => {
  fc.assert(
    fc.property(random, (r) => {
      expect(reconnectDelayMs(0, r)).toBeLessThan(500);
      expect(FIRST_RECONNECT_MS).toBe(500);
    }),
  );
});

test("delays are spread from zero to a bound that doubles up to a cap", () => {
  fc.assert(
    fc.property(fc.nat(5_000), random, (failures, r) => {
      const bound = Math.min(10_000, 500 * 2 ** failures);
      expect(reconnectDelayMs(failures, r)).toBe(Math.floor(r * bound));
      expect(reconnectDelayMs(failures, 0)).toBe(0);
    }),
  );
});

test("a request is never repeated later than 5 s after its failure", () => {
  fc.assert(
    fc.property(fc.nat(5_000), random, (failures, r) => {
      expect(requestDelayMs(failures, r)).toBeLessThan(5_000);
    }),
  );
});
