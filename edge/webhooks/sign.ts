/** Signatures of Standard Webhooks 1.0: `v1,<base64 of HMAC-SHA256 over id.timestamp.body>`, separated by spaces. */

const encoder = new TextEncoder();

export interface SignedHeaders {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  readonly "webhook-signature": string;
}

/**
 * Signs one try of a delivery with every secret that is live.
 *
 * @param secrets `whsec_<base64>`.
 * @param now milliseconds since the epoch; the header is in whole seconds.
 */
export async function signDelivery(
  secrets: readonly string[],
  id: string,
  body: string,
  now: number,
): Promise<SignedHeaders> {
  const timestamp = String(Math.floor(now / 1000));
  const signatures = await Promise.all(
    secrets.map((secret) => signature(secret, `${id}.${timestamp}.${body}`)),
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}

async function signature(secret: string, content: string): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    Uint8Array.from(atob(secret.replace(/^whsec_/, "")), (char) => char.charCodeAt(0)),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const mac = await crypto.subtle.sign("HMAC", key, encoder.encode(content));
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`;
}
