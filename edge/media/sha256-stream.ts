/** SHA-256 of bytes as they come: no digest of a file needs the file in memory. */
import { toHex } from "../hex.ts";

export interface RunningSha256 {
  add(chunk: Uint8Array): Promise<void>;
  /** Lower-case hex; nothing can be added any more. */
  end(): Promise<string>;
}

export function startSha256(): RunningSha256 {
  const stream = new crypto.DigestStream("SHA-256");
  const writer = stream.getWriter();
  return {
    add: (chunk) => writer.write(chunk),
    async end() {
      await writer.close();
      return toHex(await stream.digest);
    },
  };
}
