import { describe, expect, test } from "vitest";
import {
  contentRange,
  isNotModified,
  matches,
  parseRange,
  rangeStands,
} from "../../../edge/media/ranges.ts";

const partial = (offset: number, length: number) => ({
  status: "partial",
  range: { offset, length },
});
const whole = { status: "whole" };
const unsatisfiable = { status: "unsatisfiable" };

describe("a Range header on 1,000 bytes", () => {
  test.each([
    ["bytes=0-0", partial(0, 1)],
    ["bytes=0-499", partial(0, 500)],
    ["bytes=500-", partial(500, 500)],
    ["bytes=999-", partial(999, 1)],
    ["bytes=-1", partial(999, 1)],
    ["bytes=-1000", partial(0, 1000)],
    ["Bytes=1-2", partial(1, 2)],
    ["bytes= 1-2 ", partial(1, 2)],
    ["bytes=,1-2,", partial(1, 2)],
    ["bytes=007-008", partial(7, 2)],
  ])("'%s' is that range", (header, answer) => {
    expect(parseRange(header, 1000)).toEqual(answer);
  });

  test.each([
    ["bytes=0-1000", partial(0, 1000)],
    ["bytes=990-99999999999999999999", partial(990, 10)],
    ["bytes=-1001", partial(0, 1000)],
    ["bytes=-99999999999999999999", partial(0, 1000)],
  ])("'%s' is cut to what there is", (header, answer) => {
    expect(parseRange(header, 1000)).toEqual(answer);
  });

  test.each(["bytes=1000-", "bytes=1000-1001", "bytes=99999999999999999999-", "bytes=-0"])(
    "'%s' holds no byte",
    (header) => {
      expect(parseRange(header, 1000)).toEqual(unsatisfiable);
    },
  );

  test.each([
    "bytes=2-1",
    "bytes=-",
    "bytes=",
    "bytes",
    "bytes=1",
    "bytes=a-b",
    "bytes=1-2-3",
    "bytes=--1",
    "bytes=+1-2",
    "bytes=1.5-2",
    "bytes=0x1-2",
    "bytes=1 -2",
    "items=0-5",
    "",
  ])("'%s' is malformed or not of bytes, and ignored", (header) => {
    expect(parseRange(header, 1000)).toEqual(whole);
  });

  test("several ranges are answered with the whole", () => {
    expect(parseRange("bytes=0-1,5-6", 1000)).toEqual(whole);
    expect(parseRange("bytes=0-, 0-, 0-", 1000)).toEqual(whole);
  });

  test("none is the whole", () => {
    expect(parseRange(null, 1000)).toEqual(whole);
  });
});

describe("a Range header on no bytes", () => {
  test("no position exists, and the last n bytes are all there are", () => {
    expect(parseRange("bytes=0-", 0)).toEqual(unsatisfiable);
    expect(parseRange("bytes=0-0", 0)).toEqual(unsatisfiable);
    expect(parseRange("bytes=-5", 0)).toEqual(whole);
    expect(parseRange("bytes=-0", 0)).toEqual(unsatisfiable);
  });
});

test("a range is always inside the content, whatever was asked for", () => {
  for (const size of [1, 2, 3, 10]) {
    for (let first = -1; first <= 12; first++) {
      for (let last = -1; last <= 12; last++) {
        const spec = `${first < 0 ? "" : first}-${last < 0 ? "" : last}`;
        const answer = parseRange(`bytes=${spec}`, size);
        if (answer.status !== "partial") continue;
        const { offset, length } = answer.range;
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(length).toBeGreaterThanOrEqual(1);
        expect(offset + length).toBeLessThanOrEqual(size);
      }
    }
  }
});

test("Content-Range counts from 0 and includes the last byte", () => {
  expect(contentRange({ offset: 0, length: 100 }, 1000)).toBe("bytes 0-99/1000");
});

describe("conditions", () => {
  test("If-Range lets a range stand for the very same bytes only", () => {
    expect(rangeStands(null, "abc")).toBe(true);
    expect(rangeStands('"abc"', "abc")).toBe(true);
    expect(rangeStands('"abd"', "abc")).toBe(false);
    expect(rangeStands('W/"abc"', "abc")).toBe(false);
    expect(rangeStands("Wed, 21 Oct 2026 07:28:00 GMT", "abc")).toBe(false);
  });

  test("If-None-Match compares weakly and takes lists and the star", () => {
    for (const header of ['"abc"', 'W/"abc"', '"x", "abc"', "*", ' "x" , W/"abc"']) {
      expect(isNotModified(header, "abc")).toBe(true);
    }
    for (const header of [null, '"x"', "abc", '""', '"*"']) {
      expect(isNotModified(header, "abc")).toBe(false);
    }
  });

  test("If-Match compares strongly", () => {
    expect(matches(null, "abc")).toBe(true);
    expect(matches("*", "abc")).toBe(true);
    expect(matches('"x", "abc"', "abc")).toBe(true);
    expect(matches('W/"abc"', "abc")).toBe(false);
    expect(matches('"x"', "abc")).toBe(false);
  });
});
