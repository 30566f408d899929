import fc from "fast-check";
import { expect, test } from "vitest";
import { parseByteRange, parseContentRange } from "../../worker-node/source/byte-range.ts";

test.each([
  ["bytes=0-", { status: "part", start: 0, end: 99 }],
  ["bytes=10-19", { status: "part", start: 10, end: 19 }],
  ["bytes=10-1000", { status: "part", start: 10, end: 99 }],
  ["bytes=-5", { status: "part", start: 95, end: 99 }],
  ["bytes=-500", { status: "part", start: 0, end: 99 }],
  ["bytes=99-", { status: "part", start: 99, end: 99 }],
  ["bytes=100-", { status: "unsatisfiable" }],
  ["bytes=-0", { status: "unsatisfiable" }],
  ["bytes=20-10", { status: "whole" }],
  ["bytes=-", { status: "whole" }],
  ["bytes=0-1,5-6", { status: "whole" }],
  ["items=0-1", { status: "whole" }],
  ["bytes=a-b", { status: "whole" }],
  [undefined, { status: "whole" }],
])("%s of 100 bytes", (header, expected) => {
  expect(parseByteRange(header, 100)).toEqual(expected);
});

test("a part always lies inside the file, whatever the header says", () => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
  );
  fc.assert(
    fc.property(header, fc.nat(10_000), (text, size) => {
      const range = parseByteRange(text, size);
      if (range.status !== "part") return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.start).toBeLessThanOrEqual(range.end);
      expect(range.end).toBeLessThan(size);
    }),
  );
});

test("a Content-Range of unknown size is no answer", () => {
  expect(parseContentRange("bytes 0-9/100")).toEqual({ start: 0, end: 9, size: 100 });
  expect(parseContentRange("bytes 0-9/*")).toBeNull();
  expect(parseContentRange(null)).toBeNull();
});
