import { describe, expect, test } from "vitest";
import { safeFilename, sourceExtensionOf } from "../../../edge/media/filename.ts";

function kept(raw: string): string {
  const result = safeFilename(raw);
  if (result.status === "invalid") throw new Error(result.detail);
  return result.filename;
}

describe("a file name", () => {
  test.each([
    ["../../etc/passwd.mp4", "passwd.mp4"],
    ["..\\..\\windows\\a.mp4", "a.mp4"],
    ["/a/b\\c.mp4", "c.mp4"],
    ["C:\\clips\\a.mp4", "a.mp4"],
  ])("keeps only its last segment: %j", (raw, name) => {
    expect(kept(raw)).toBe(name);
  });

  test.each([
    ["a\r\nSet-Cookie: x=1.mp4", "aSet-Cookie: x=1.mp4"],
    ["a\0.mp4", "a.mp4"],
    ["a\u202e4pm.exe.mp4", "a4pm.exe.mp4"],
    ["\u200ba\u200d\ufeff\u2066b\u00ad.mp4", "ab.mp4"],
    ["a\u2028b\u2029\u0085.mp4", "ab.mp4"],
    ["a\ud800b.mp4", "ab.mp4"],
    ["\u3164a\ufffe.mp4", "a.mp4"],
  ])("loses what is invisible or breaks lines: %j", (raw, name) => {
    expect(kept(raw)).toBe(name);
  });

  test("has no double quote to break out of a header with", () => {
    expect(kept('a"; filename="b.mp4')).toBe("a'; filename='b.mp4");
  });

  test("stays what people write in their languages, in one normal form", () => {
    expect(kept("été à la plage 🏖.mov")).toBe("été à la plage 🏖.mov".normalize("NFC"));
    expect(kept("e\u0301.mp4")).toBe("\u00e9.mp4");
    expect(kept("動画.mp4")).toBe("動画.mp4");
  });

  test.each(["", ".", "..", "a/", "\r\n", "\u200b\u202e", " ", "../"])(
    "of which nothing is left is invalid: %j",
    (raw) => {
      expect(safeFilename(raw).status).toBe("invalid");
    },
  );

  test("is cut to 255 bytes between code points, its extension kept", () => {
    const name = kept(`${"🏖".repeat(100)}.mp4`);
    expect(new TextEncoder().encode(name).byteLength).toBeLessThanOrEqual(255);
    expect(name).toMatch(/^(?:🏖)+\.mp4$/u);
    expect(name.isWellFormed()).toBe(true);
    expect(kept(`${"a".repeat(251)}.mp4`)).toHaveLength(255);
    expect(kept(`${"a".repeat(252)}.mp4`)).toBe(`${"a".repeat(251)}.mp4`);
  });

  test("tells its extension in any case, and none where there is none we take", () => {
    expect(sourceExtensionOf("A.MP4")).toBe("mp4");
    expect(sourceExtensionOf("a.b.WebM")).toBe("webm");
    expect(sourceExtensionOf("mp4")).toBeNull();
    expect(sourceExtensionOf("a.mp4.txt")).toBeNull();
    expect(sourceExtensionOf("a.constructor")).toBeNull();
  });
});
