import { ApiFailure } from "./client.ts";
import { plain } from "./table.ts";

/** What a person should read of an error: no stack, the cause where fetch hides it, and what to do. `edge` is its address. */
export function failureText(error: unknown, edge = "the edge"): string {
  if (error instanceof ApiFailure) return withRemedy(error);
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (error.message === "fetch failed" && cause instanceof Error) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code?.startsWith("ERR_SSL")) {
      return `${edge} does not speak TLS as https:// needs it (${code}). Is TELECINE_URL to begin with http://?`;
    }
    const why = plain(cause.message) || code;
    return `${edge} cannot be reached (${why}). Is the edge running, and is TELECINE_URL right?`;
  }
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return `${path ?? "A file"} does not exist.`;
  if (code === "EACCES") return `${path ?? "A file"} may not be used by this user.`;
  if (code === "ENOTDIR" || code === "EEXIST") {
    return `${path ?? "A file"} is in the way, or part of it is: a folder is needed there. Name another.`;
  }
  if (code === "ENOSPC") {
    return `The disk${path ? ` of ${path}` : ""} is full. Free some space, or write to another one.`;
  }
  return error.message;
}

function withRemedy(failure: ApiFailure): string {
  const text = plain(failure.message);
  if (failure.status === 401) {
    return `${text}\nSet TELECINE_API_KEY to a key that is live: telecine keys create makes one; that of a local edge is in .telecine/root-key.`;
  }
  if (failure.status === 403) {
    return `${text}\nUse a key with that scope: telecine keys create --scopes makes one.`;
  }
  if (failure.answer === null) {
    return `${text}\nThis is no answer of a Telecine edge. Is TELECINE_URL right?`;
  }
  return text;
}
