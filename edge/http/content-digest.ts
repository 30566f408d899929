/** `Content-Digest` (RFC 9530): what the sender says the body's SHA-256 is. */
import { toHex } from "../hex.ts";
import { ApiError } from "./errors.ts";

/** Lower-case hex, or null where the header is absent or names other algorithms only. */
export function sha256Of(contentDigest: string | undefined): string | null {
  const base64 = /(?:^|,)\s*sha-256=:([^:]*):/i.exec(contentDigest ?? "")?.[1];
  if (base64 === undefined) return null;
  // 32 bytes are 43 digits and one padding character.
  if (!/^[A-Za-z0-9+/]{43}=$/.test(base64)) {
    throw new ApiError("VALIDATION_ERROR", "Content-Digest's sha-256 must be 32 bytes in base64.");
  }
  return toHex(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}
