/** Something that whoever started the host can put right. */
export class HostError extends Error {
  override readonly name = "HostError";
}
