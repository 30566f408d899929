import { describe, expect, test } from "vitest";
import { noCounts, perJob } from "../../bench/billed.ts";
import { cpuSecondsOf } from "../../bench/cpu-time.ts";
import { benchNames, parseOptions } from "../../bench/options.ts";
import { billFor, totalOfBill } from "../../bench/prices.ts";
import { ratioRow } from "../../bench/report.ts";
import { figure, renderReports } from "../../bench/table.ts";

describe("the arguments", () => {
  test("without a name run every bench", () => {
    expect(parseOptions([])).toEqual({
      status: "ok",
      options: { benches: benchNames, quick: false, json: false },
    });
  });

  test("run the benches that they name, and nothing else", () => {
    expect(parseOptions(["dispatch", "--quick", "--json"])).toEqual({
      status: "ok",
      options: { benches: ["dispatch"], quick: true, json: true },
    });
  });

  test("that name no bench are refused with those there are", () => {
    expect(parseOptions(["dipsatch"])).toMatchObject({
      status: "invalid",
      problem: expect.stringContaining("dispatch"),
    });
    expect(parseOptions(["--fast"])).toMatchObject({ status: "invalid" });
  });
});

describe("the table", () => {
  const row = ratioRow(
    { what: "wall", unit: "s", against: "plain ffmpeg", goal: { of: "ratio", atMost: 1.05 } },
    [{ ours: 12, rival: 10 }],
  );

  test("says which goals are missed", () => {
    const text = renderReports([{ bench: "transcode", rows: [row], counts: [] }]);
    expect(text).toMatch(/wall +12\.0 s +10\.0 s \(plain ffmpeg\) +1\.20 .*≤ 1\.05 +MISSED/);
  });

  test("says what was skipped and why", () => {
    const skipped = { kind: "skipped", what: "dispatch", why: "redis-server is missing" } as const;
    const text = renderReports([{ bench: "dispatch", rows: [skipped], counts: [] }]);
    expect(text).toContain("SKIPPED  dispatch: redis-server is missing");
  });

  test.each([
    [0, "0"],
    [0.0001234, "0.000123"],
    [1.0499, "1.05"],
    [12.34, "12.3"],
    [1234.5, "1235"],
  ])("shows %d as %s", (value, text) => {
    expect(figure(value)).toBe(text);
  });
});

describe("CPU time", () => {
  test("is read behind a name with spaces and parentheses", () => {
    const rest = "S 1 2 2 0 -1 0 9 9 9 9 150 50 300 100 20 0 1 0";
    expect(cpuSecondsOf(`42 (a ) (b) ${rest}`)).toEqual({ own: 2, endedChildren: 4 });
  });
});

describe("the bill", () => {
  test("of nothing is nothing", () => {
    expect(totalOfBill(billFor(noCounts, 0))).toBe(0);
  });

  test("takes twenty incoming messages of a socket for one request, and outgoing ones for none", () => {
    const counts = { ...noCounts, socketMessagesIn: 20, socketMessagesOut: 1000 };
    const one = { ...noCounts, poolCalls: 1 };
    expect(totalOfBill(billFor(counts, 0))).toBeCloseTo(totalOfBill(billFor(one, 0)), 15);
  });

  test("is the list prices', for a million of each", () => {
    const million = { ...noCounts, httpRequests: 1e6, poolRowsWritten: 1e6, r2ClassA: 1e6 };
    expect(totalOfBill(billFor(million, 0))).toBeCloseTo(0.3 + 1 + 4.5, 10);
  });

  test("of one job is what several cost, divided", () => {
    const after = { ...noCounts, httpRequests: 12, d1RowsWritten: 6 };
    const before = { ...noCounts, httpRequests: 2 };
    expect(perJob(before, after, 2)).toEqual({ ...noCounts, httpRequests: 5, d1RowsWritten: 3 });
  });
});
