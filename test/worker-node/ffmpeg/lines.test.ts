import { describe, expect, it } from "vitest";
import { createLineKeeper, createLineSplitter } from "../../../worker-node/ffmpeg/lines.ts";

function split(chunks: readonly string[]): string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

describe("lines", () => {
  it("are the same however the text was cut up", () => {
    const text = "one\ntwo\r\nthree\rfour";
    for (let at = 0; at <= text.length; at++) {
      expect(split([text.slice(0, at), text.slice(at)])).toEqual(["one", "two", "three", "four"]);
    }
  });

  it("hold no more than 500 characters, however much comes without an end", () => {
    expect(split(["x".repeat(400), "y".repeat(400), "z".repeat(10_000_000), "\nnext"])).toEqual([
      "x".repeat(400) + "y".repeat(100),
      "next",
    ]);
  });

  it("kept are the first and the last, a repeated one once, all counted", () => {
    const keeper = createLineKeeper({ first: 2, last: 2 });
    for (const line of ["a", "a", "b", "c", "d", "e"]) keeper.add(line);
    expect(keeper.lines()).toEqual(["a", "b", "d", "e"]);
    expect(keeper.count).toBe(6);
  });
});
