/**
 * A limit on requests for each key, by the platform's rate limiting binding (Workers documentation, "Rate Limiting",
 * 2026-11: counted for each location, and let through rather than refused where the count is not certain).
 */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";
import { ApiError } from "./errors.ts";

/** The binding's period in wrangler.toml: 10 or 60 are possible. */
const PERIOD_SECONDS = 60;

/** Behind the key check. Without the binding there is no limit; agents' and players' requests carry no key. */
export function rateLimit(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const limiter = c.env.RATE_LIMITER;
    if (limiter !== undefined) {
      const { accountId, keyId } = c.get("principal");
      const { success } = await limiter.limit({ key: keyId ?? `root/${accountId}` });
      if (!success) {
        throw new ApiError(
          "RATE_LIMITED",
          `This key has made more requests than it may in ${PERIOD_SECONDS} seconds: wait, then go on.`,
          { "retry-after": String(PERIOD_SECONDS) },
        );
      }
    }
    return next();
  };
}
