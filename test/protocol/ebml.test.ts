import { expect, test } from "vitest";
import { elementsIn } from "../../protocol/matroska/ebml.ts";

test("walking elements leaves the reader's memory as it is, so that they can be walked again", async () => {
  // A Void of two bytes, whose size is written in eight.
  const file = Buffer.from("ec010000000000000200aa".padEnd(24, "0"), "hex");
  const before = Buffer.from(file);
  // Memory of the file's own, as a cache of blocks gives it.
  const reader = { read: async (start: number, end: number) => file.subarray(start, end) };
  for (const _ of [1, 2]) {
    const { value } = await elementsIn(reader, 0, file.length).next();
    expect(value).toEqual({ id: 0xec, start: 9, end: 11 });
  }
  expect(file.equals(before)).toBe(true);
});
