/**
 * Delivery ids derive from event and target: an event that is recorded twice makes the same delivery, and
 * `webhook-id` is the same for the consumer. In the form of a ULID: the event's time, then 80 bits of a hash.
 */
import type { IdOf } from "../../protocol/ids.ts";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_DIGITS = 10;
const HASH_DIGITS = 16;

function base32(value: bigint, digits: number): string {
  let text = "";
  for (let rest = value, digit = 0; digit < digits; digit++, rest >>= 5n) {
    text = CROCKFORD.charAt(Number(rest & 31n)) + text;
  }
  return text;
}

/** @param target the endpoint's id, or the job's own URL. @param at the event's time, milliseconds. */
export async function deliveryIdOf(
  eventId: string,
  target: string,
  at: number,
): Promise<IdOf<"delivery">> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(`${eventId}\n${target}`),
  );
  const bits = new DataView(digest);
  const hash = (bits.getBigUint64(0) << 16n) | BigInt(bits.getUint16(8));
  return `dlv_${base32(BigInt(at), TIME_DIGITS)}${base32(hash, HASH_DIGITS)}`;
}
