/** One JSON line for what was not expected, with the request it happened in. */
import type { Context } from "hono";
import type { AppEnv } from "./context.ts";

export function logError(c: Context<AppEnv>, event: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(
    JSON.stringify({ level: "error", event, requestId: c.get("requestId"), error: text }),
  );
}
