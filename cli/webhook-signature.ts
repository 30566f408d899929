/**
 * Verifies Standard Webhooks 1.0: `v1,<base64 of HMAC-SHA256 over id.timestamp.body>`, several with spaces between
 * them while a secret is rotated. Pure. The public library does the same; it takes one secret at a time and tells
 * expiry from forgery by its message alone.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

/** What the specification recommends, either way. */
const TOLERANCE_SECONDS = 5 * 60;

export interface WebhookHeaders {
  readonly id: string | null;
  readonly timestamp: string | null;
  readonly signature: string | null;
}

export type Verdict =
  | { readonly status: "verified" }
  /** For people: what is wrong, and what it may come from. */
  | { readonly status: "refused"; readonly reason: string };

/** The bytes of `whsec_<base64>`; null for what is none. */
export function secretBytes(secret: string): Buffer | null {
  const text = secret.replace(/^whsec_/, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  return Buffer.from(text, "base64");
}

/**
 * Judges one delivery.
 *
 * @param secrets any of them may have signed.
 * @param now milliseconds since the epoch.
 */
export function verifyWebhook(
  secrets: readonly string[],
  headers: WebhookHeaders,
  body: string,
  now: number,
): Verdict {
  const { id, timestamp, signature } = headers;
  if (id === null || timestamp === null || signature === null) {
    return refused("the headers webhook-id, webhook-timestamp and webhook-signature must be there");
  }
  if (!/^\d{1,12}$/.test(timestamp)) return refused("webhook-timestamp is no time");
  const skew = Number(timestamp) - Math.floor(now / 1000);
  if (Math.abs(skew) > TOLERANCE_SECONDS) {
    const where = skew < 0 ? "past" : "future";
    return refused(
      `webhook-timestamp is ${Math.abs(skew)} s in the ${where}, more than ${TOLERANCE_SECONDS}: a replay, or a clock is wrong`,
    );
  }
  const given = signature
    .split(" ")
    .filter((each) => each.startsWith("v1,"))
    .map((each) => Buffer.from(each.slice(3)));
  const content = `${id}.${timestamp}.${body}`;
  const isSigned = secrets.some((secret) => {
    const key = secretBytes(secret);
    if (key === null) return false;
    const own = Buffer.from(createHmac("sha256", key).update(content).digest("base64"));
    return given.some((each) => each.length === own.length && timingSafeEqual(each, own));
  });
  return isSigned
    ? { status: "verified" }
    : refused("no signature matches: the secret is another one, or the body was changed");
}

function refused(reason: string): Verdict {
  return { status: "refused", reason };
}
