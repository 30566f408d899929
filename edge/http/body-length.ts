import { ApiError } from "./errors.ts";

/**
 * The length that the request declares for its body, in bytes. A body of unknown length is refused: the
 * store must know it beforehand, and a limit is checked before a byte is read.
 */
export function declaredLength(header: string | undefined): number {
  if (header === undefined || !/^\d{1,15}$/.test(header)) {
    throw new ApiError(
      "VALIDATION_ERROR",
      "Content-Length is required and must be a whole number.",
    );
  }
  return Number(header);
}
