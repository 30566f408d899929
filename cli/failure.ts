import { ApiFailure } from "./client.ts";

/** What a person should read of an error: no stack, the cause where fetch hides it, and what to do. */
export function failureText(error: unknown): string {
  if (error instanceof ApiFailure) return error.message;
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : null;
  if (error.message === "fetch failed" && cause) {
    return `The edge cannot be reached (${cause.message || (cause as NodeJS.ErrnoException).code}). Is it running, and is TELECINE_URL right?`;
  }
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT")
    return `${(error as NodeJS.ErrnoException).path ?? "A file"} does not exist.`;
  return error.message;
}
