/**
 * Compact signed tokens: `base64url(JSON) "." base64url(HMAC-SHA256)`. The key is derived from the signing
 * secret with a purpose label (HKDF, RFC 5869), so that a token made for one purpose is none for another.
 */

/** Cloudflare takes URLs of up to 16 KB (2026-10); nothing that long is ever minted. */
export const MAX_TOKEN_LENGTH = 7936;

const encoder = new TextEncoder();

/** Signs `payload` (plain JSON data) for `purpose`. */
export async function signToken(
  secret: string,
  purpose: string,
  payload: unknown,
): Promise<string> {
  const body = encodeBase64Url(encoder.encode(JSON.stringify(payload)));
  const key = await keyFor(secret, purpose);
  const signature = await crypto.subtle.sign("HMAC", key, encoder.encode(body));
  return `${body}.${encodeBase64Url(new Uint8Array(signature))}`;
}

/** The payload of a token signed by this secret for this purpose, to be parsed by the caller; else null. */
export async function readToken(
  secret: string,
  purpose: string,
  token: string,
): Promise<{ readonly payload: unknown } | null> {
  if (token.length > MAX_TOKEN_LENGTH) return null;
  const [body, signatureText, ...rest] = token.split(".");
  if (body === undefined || signatureText === undefined || rest.length > 0) return null;
  const signature = decodeBase64Url(signatureText);
  if (signature === null) return null;
  const key = await keyFor(secret, purpose);
  // `verify` compares in constant time.
  if (!(await crypto.subtle.verify("HMAC", key, signature, encoder.encode(body)))) return null;
  const bytes = decodeBase64Url(body);
  if (bytes === null) return null;
  return { payload: JSON.parse(new TextDecoder().decode(bytes)) };
}

/** Derived keys by purpose and secret: there are a handful of each, and deriving costs more than signing. */
const keys = new Map<string, CryptoKey>();
const KEPT_KEYS = 32;

/** The key itself is kept, not the promise of it: one request must not wait for what another one does. */
async function keyFor(secret: string, purpose: string): Promise<CryptoKey> {
  const name = `${purpose} ${secret}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = await deriveKey(secret, purpose);
  if (keys.size >= KEPT_KEYS) keys.clear();
  keys.set(name, key);
  return key;
}

async function deriveKey(secret: string, purpose: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, [
    "deriveKey",
  ]);
  return crypto.subtle.deriveKey(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(),
      info: encoder.encode(`telecine/${purpose}`),
    },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}

function encodeBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Null unless the text is the one canonical encoding: spare bits set would make many tokens of one. */
function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  return encodeBase64Url(bytes) === text ? bytes : null;
}
