import { describe, expect, test, vi } from "vitest";
import { MAX_TOKEN_LENGTH, readToken, signToken } from "../../../edge/media/token.ts";

const SECRET = "a-secret-of-some-length";
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

describe("a signed token", () => {
  test("gives its payload back, any text included", async () => {
    const payload = { a: [1, "Köln \u{1f600} \u202e"], b: null };
    const token = await signToken(SECRET, "test", payload);
    expect(token).toMatch(/^[\w-]+\.[\w-]+$/);
    expect(await readToken(SECRET, "test", token)).toEqual({ payload });
  });

  test("derives its key once for a secret and a purpose: that costs more than to sign", async () => {
    const derive = vi.spyOn(crypto.subtle, "deriveKey");
    for (let i = 0; i < 5; i++) {
      const token = await signToken(`${SECRET} once`, "test", i);
      expect(await readToken(`${SECRET} once`, "test", token)).toEqual({ payload: i });
    }
    expect(derive).toHaveBeenCalledTimes(1);
    derive.mockRestore();
  });

  test("is nothing under another secret or for another purpose", async () => {
    const token = await signToken(SECRET, "test", 1);
    expect(await readToken(`${SECRET}x`, "test", token)).toBeNull();
    expect(await readToken(SECRET, "test2", token)).toBeNull();
  });

  test("with any one character changed is nothing, spare bits of the last one included", async () => {
    const token = await signToken(SECRET, "test", { n: 1 });
    for (let at = 0; at < token.length; at++) {
      for (const char of at > token.length - 3 ? ALPHABET : "A.=") {
        if (char === token[at]) continue;
        const tampered = token.slice(0, at) + char + token.slice(at + 1);
        expect(await readToken(SECRET, "test", tampered), tampered).toBeNull();
      }
    }
  });

  test("that is cut, padded, joined or oversized is nothing", async () => {
    const token = await signToken(SECRET, "test", { n: 1 });
    const [body = "", signature = ""] = token.split(".");
    const others = [
      "",
      ".",
      body,
      `${body}.`,
      `.${signature}`,
      `${token}=`,
      `${token}.${signature}`,
      `${token}A`,
      token.slice(0, -1),
      ` ${token}`,
      "é.é",
    ];
    for (const other of others) expect(await readToken(SECRET, "test", other), other).toBeNull();
    const long = await signToken(SECRET, "test", "x".repeat(MAX_TOKEN_LENGTH));
    expect(await readToken(SECRET, "test", long)).toBeNull();
  });
});
