import { encodeTime, ulid } from "ulid";
import { type IdKind, type IdOf, idPrefixes } from "../protocol/ids.ts";
import { toHex } from "./hex.ts";

/** A new id. `now` is milliseconds since the epoch and orders ids of one kind. */
export function newId<K extends IdKind>(kind: K, now: number): IdOf<K> {
  return `${idPrefixes[kind]}${ulid(now)}`;
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * The id that follows from a time and a seed (at least 32 hex digits): the same for every try of one request,
 * as hard to guess as the seed. A hex pair gives five of a ULID's random bits.
 */
export function seededId<K extends IdKind>(kind: K, now: number, seed: string): IdOf<K> {
  let random = "";
  for (let at = 0; random.length < 16; at += 2) {
    random += CROCKFORD.charAt(Number.parseInt(seed.slice(at, at + 2), 16) % 32);
  }
  return `${idPrefixes[kind]}${encodeTime(now, 10)}${random}`;
}

/** The trace id of what begins here: 16 random bytes in hex (W3C Trace Context, section 3.2.2.3). */
export function newTraceId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return toHex(bytes);
}
