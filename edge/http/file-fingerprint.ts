/** What tells one file that was sent from another, for `Idempotency-Key`: SHA-256 of its name and bytes, in hex. */
import { startSha256 } from "../media/sha256-stream.ts";
import type { VideoBody } from "./video-body.ts";

/** The same file, whose fingerprint is known once it has been read to its end. */
export function fingerprinting(file: VideoBody): {
  readonly file: VideoBody;
  readonly fingerprint: () => Promise<string>;
} {
  const digest = startSha256();
  async function* tapped(): AsyncGenerator<Uint8Array> {
    await digest.add(new TextEncoder().encode(`${file.filename}\n`));
    for await (const chunk of file.bytes) {
      await digest.add(chunk);
      yield chunk;
    }
  }
  return { file: { ...file, bytes: tapped() }, fingerprint: () => digest.end() };
}

/** Reads the file to its end. */
export async function fingerprintOf(sent: VideoBody): Promise<string> {
  const { file, fingerprint } = fingerprinting(sent);
  for await (const _ of file.bytes) {
    // Only its digest is wanted.
  }
  return fingerprint();
}
