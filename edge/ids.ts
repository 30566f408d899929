import { ulid } from "ulid";
import { type IdKind, type IdOf, idPrefixes } from "../protocol/ids.ts";

/** A new id. `now` is milliseconds since the epoch and orders ids of one kind. */
export function newId<K extends IdKind>(kind: K, now: number): IdOf<K> {
  return `${idPrefixes[kind]}${ulid(now)}`;
}
