/**
 * Webhook secrets. They are derived from SIGNING_SECRET (HKDF, RFC 5869), the target and a version, so none
 * is ever stored: a copy of the database signs nothing. Rotating raises the version; for a day the version
 * before goes on signing beside it.
 */

/** How long both signatures are sent after a rotation. */
export const ROTATION_OVERLAP_MS = 24 * 60 * 60 * 1000;

/** Whose secret: an account's (for jobs' `webhookUrl`) or an endpoint's. */
export interface SecretOwner {
  readonly kind: "account" | "endpoint";
  readonly id: string;
}

export interface SecretVersions {
  readonly version: number;
  readonly rotatedAt: number | null;
}

const encoder = new TextEncoder();

/** The secret of one version, `whsec_<base64 of 32 bytes>` (Standard Webhooks 1.0). */
export async function webhookSecret(
  signingSecret: string,
  owner: SecretOwner,
  version: number,
): Promise<string> {
  const material = await crypto.subtle.importKey(
    "raw",
    encoder.encode(signingSecret),
    "HKDF",
    false,
    ["deriveBits"],
  );
  const bits = await crypto.subtle.deriveBits(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(),
      info: encoder.encode(`telecine/webhook/${owner.kind}/${owner.id}/${version}`),
    },
    material,
    256,
  );
  return `whsec_${btoa(String.fromCharCode(...new Uint8Array(bits)))}`;
}

/** The secrets that sign now, newest first: two while a rotation is fresh. */
export async function signingSecrets(
  signingSecret: string,
  owner: SecretOwner,
  versions: SecretVersions,
  now: number,
): Promise<string[]> {
  const { version, rotatedAt } = versions;
  const overlaps = rotatedAt !== null && version > 1 && now - rotatedAt < ROTATION_OVERLAP_MS;
  const live = overlaps ? [version, version - 1] : [version];
  return Promise.all(live.map((each) => webhookSecret(signingSecret, owner, each)));
}
