import { describe, expect, test } from "vitest";
import { threadShare } from "../../worker-node/thread-share.ts";

describe("the threads of an attempt", () => {
  test("are ffmpeg's own choice where nothing runs beside it", () => {
    expect(threadShare(16, 1)).toBe(null);
  });

  test("are its share of the cores where others run", () => {
    expect(threadShare(16, 2)).toBe(8);
    expect(threadShare(16, 3)).toBe(5);
  });

  test("are never none", () => {
    expect(threadShare(2, 4)).toBe(1);
  });
});
