import { describe, expect, test } from "vitest";
import { checkMagic, detectContainer } from "../../../edge/media/magic-bytes.ts";
import type { SourceExtension } from "../../../protocol/media.ts";
import { ascii, aviStart, clip, freeBox, join } from "./clips.ts";

const isGood = (extension: SourceExtension, bytes: Uint8Array, size = bytes.byteLength) =>
  checkMagic(extension, bytes.subarray(0, 4096), size).status === "ok";

const looksLike = (bytes: Uint8Array): string => {
  const result = checkMagic("mp4", bytes, bytes.byteLength);
  return result.status === "ok" ? "" : result.detail;
};

/** A box of QuickTime's: size, type, and `rest` bytes of content. */
const box = (type: string, rest: number) => {
  const bytes = freeBox(8 + rest);
  bytes.set(ascii(type), 4);
  return bytes;
};

describe("the first bytes", () => {
  test("of every real clip are what its extension says", () => {
    expect(isGood("mp4", clip("mp4"))).toBe(true);
    expect(isGood("mp4", clip("fragmented"))).toBe(true);
    expect(isGood("mov", clip("mov"))).toBe(true);
    expect(isGood("mkv", clip("mkv"))).toBe(true);
    expect(isGood("webm", clip("webm"))).toBe(true);
    expect(isGood("avi", aviStart())).toBe(true);
  });

  test("of MP4 and QuickTime may stand under either name, WebM under Matroska's but not back", () => {
    expect(isGood("mov", clip("mp4"))).toBe(true);
    expect(isGood("mp4", clip("mov"))).toBe(true);
    expect(isGood("mkv", clip("webm"))).toBe(true);
    expect(isGood("webm", clip("mkv"))).toBe(false);
  });

  test("of one container under another's name are refused, and the detail says which", () => {
    expect(isGood("avi", clip("mp4"))).toBe(false);
    expect(isGood("mkv", clip("mp4"))).toBe(false);
    expect(looksLike(clip("mkv"))).toContain("it looks like Matroska");
    expect(looksLike(aviStart())).toContain("it looks like AVI");
  });

  test.each(["moov", "mdat", "wide", "free", "skip", "pnot"])(
    "of QuickTime from before ftyp are a video: %s",
    (type) => {
      expect(isGood("mov", box(type, 100))).toBe(true);
    },
  );

  test("that only happen to spell a box's name are no video", () => {
    const text = ascii("The free encyclopedia, the moov and the mdat.");
    expect(isGood("mp4", text)).toBe(false);
    expect(detectContainer(text, text.byteLength)).toBeNull();
  });

  test.each(["heic", "avif", "mif1", "jxl ", "crx "])(
    "of an image that shares the ftyp box are no video: %s",
    (brand) => {
      expect(isGood("mp4", join(box("ftyp", 0).fill(24, 3, 4), ascii(brand), freeBox(16)))).toBe(
        false,
      );
    },
  );

  test.each([
    ["a PNG image", [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]],
    ["a JPEG image", [0xff, 0xd8, 0xff, 0xe0]],
    ["a ZIP archive", [0x50, 0x4b, 3, 4]],
    ["text", [...ascii("hello, this is text\n")]],
    ["an HLS playlist", [...ascii("#EXTM3U\n")]],
    ["no known video", [0, 1, 2]],
  ])("of something else are named: %s", (name, bytes) => {
    expect(looksLike(new Uint8Array(bytes))).toContain(`it looks like ${name}.`);
  });

  test.each([0, 1, 4, 7, 11])("cut off after %d never are a video, nor an exception", (length) => {
    for (const name of ["mp4", "mkv", "webm"] as const) {
      expect(detectContainer(clip(name).subarray(0, length), length)).not.toBe("iso");
    }
  });

  test("of a Matroska header whose sizes lie are read within bounds", () => {
    const endless = new Uint8Array([0x1a, 0x45, 0xdf, 0xa3, 0x01, ...Array(40).fill(0xff)]);
    expect(detectContainer(endless, 45)).not.toBe("webm");
    const empty = new Uint8Array([0x1a, 0x45, 0xdf, 0xa3, 0x84, 0, 0, 0, 0]);
    expect(detectContainer(empty, 9)).toBeNull();
  });
});
