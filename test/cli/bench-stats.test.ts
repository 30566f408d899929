import { describe, expect, test } from "vitest";
import { takePairs } from "../../bench/interleave.ts";
import { meetsGoal, ratioRow } from "../../bench/report.ts";
import { median, percentile, ratioOf } from "../../bench/stats.ts";

describe("the median", () => {
  test("is the middle value, whatever the order", () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  test("of an even number is the mean of the two in the middle", () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  test("of nothing is refused", () => {
    expect(() => median([])).toThrow(RangeError);
  });

  test("leaves what it was given as it was", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("a percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  test("is always a value that was measured", () => {
    expect(percentile([1, 10], 50)).toBe(1);
    expect(percentile([1, 10], 51)).toBe(10);
  });

  test("99 of a hundred values is the second greatest, and 100 the greatest", () => {
    expect(percentile(hundred, 99)).toBe(99);
    expect(percentile(hundred, 100)).toBe(100);
  });

  test("99 of few values is the greatest: it hides no outlier", () => {
    expect(percentile([1, 2, 50], 99)).toBe(50);
  });

  test.each([0, -1, 101, Number.NaN])("%d is refused", (percent) => {
    expect(() => percentile(hundred, percent)).toThrow(RangeError);
  });
});

describe("a ratio", () => {
  test("is taken pair by pair, so that a slow minute of the machine cancels out", () => {
    const pairs = [
      { ours: 11, rival: 10 },
      { ours: 110, rival: 100 },
      { ours: 1.1, rival: 1 },
    ];
    const { median: middle, least, greatest } = ratioOf(pairs);
    expect(middle).toBeCloseTo(1.1, 10);
    expect(least).toBeCloseTo(1.1, 10);
    expect(greatest).toBeCloseTo(1.1, 10);
  });

  test("shows its extremes", () => {
    const pairs = [1, 2, 9].map((ours) => ({ ours, rival: 1 }));
    expect(ratioOf(pairs)).toEqual({ median: 2, least: 1, greatest: 9 });
  });
});

describe("a goal", () => {
  const about = { what: "w", unit: "s", against: "rival" };
  const pairs = [{ ours: 3, rival: 2 }];

  test("of a ratio is met up to its limit and no further", () => {
    const row = (atMost: number) => ratioRow({ ...about, goal: { of: "ratio", atMost } }, pairs);
    expect(meetsGoal(row(1.5))).toBe(true);
    expect(meetsGoal(row(1.49))).toBe(false);
  });

  test("of a rate is met from its limit on", () => {
    const row = (atLeast: number) => ratioRow({ ...about, goal: { of: "ratio", atLeast } }, pairs);
    expect(meetsGoal(row(1.5))).toBe(true);
    expect(meetsGoal(row(1.51))).toBe(false);
  });

  test("of a value looks at ours alone", () => {
    expect(meetsGoal(ratioRow({ ...about, goal: { of: "value", atMost: 3 } }, pairs))).toBe(true);
    expect(meetsGoal(ratioRow({ ...about, goal: { of: "value", atMost: 2 } }, pairs))).toBe(false);
  });

  test("that nobody set is neither met nor missed", () => {
    expect(meetsGoal(ratioRow(about, pairs))).toBe(null);
  });
});

describe("pairs", () => {
  function recorded() {
    const order: string[] = [];
    const side = (name: string) => async () => {
      order.push(name);
      return name;
    };
    return { order, sides: { ours: side("ours"), rival: side("rival") } };
  }

  test("begin with either side in turn, and keep the sides apart", async () => {
    const { order, sides } = recorded();
    const pairs = await takePairs(3, sides);
    expect(order).toEqual(["ours", "rival", "rival", "ours", "ours", "rival"]);
    expect(pairs).toEqual(Array(3).fill({ ours: "ours", rival: "rival" }));
  });

  test("end when the time is over, and one is always taken", async () => {
    const { sides } = recorded();
    expect(await takePairs(5, sides, () => true)).toHaveLength(1);
  });
});
