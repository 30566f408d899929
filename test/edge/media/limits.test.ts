import { describe, expect, test } from "vitest";
import { fileTooLarge } from "../../../edge/media/limits.ts";

const settings = { maxFileSizeMb: 1000 };

describe("the size limit", () => {
  test("lets a file of exactly the limit through", () => {
    expect(fileTooLarge(1_000_000_000, settings)).toBeNull();
  });

  test("names both sizes in the words of the contract", () => {
    expect(fileTooLarge(2_341_000_000, settings)).toBe(
      "File size is 2341 MB. Maximum allowed is 1000 MB.",
    );
  });

  test("never says that a refused file has the allowed size", () => {
    expect(fileTooLarge(1_000_000_001, settings)).toBe(
      "File size is 1001 MB. Maximum allowed is 1000 MB.",
    );
  });
});
