/** Refuses bodies that are not what their bytes look like: nothing here decodes one, or writes a part of a resource. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";
import { ApiError } from "./errors.ts";

/**
 * `Content-Encoding` (RFC 9110 section 8.4) would be stored as if it were the file, and `Content-Range` on a PUT must not
 * be overlooked by who does not know it (section 14.5).
 */
export function plainBody(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const coding = c.req.header("content-encoding")?.trim().toLowerCase() ?? "identity";
    if (coding !== "identity") {
      throw new ApiError(
        "VALIDATION_ERROR",
        `The header Content-Encoding is '${coding}': send the body as it is.`,
      );
    }
    if (c.req.method === "PUT" && c.req.header("content-range") !== undefined) {
      throw new ApiError(
        "VALIDATION_ERROR",
        "The header Content-Range is not taken with PUT: send the whole.",
      );
    }
    return next();
  };
}
