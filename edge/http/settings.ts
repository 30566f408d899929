/** Puts the parsed settings on the context, or answers CONFIG_ERROR with what is wrong. */
import type { MiddlewareHandler } from "hono";
import { type Env, parseSettings, type SettingsResult } from "../env.ts";
import type { AppEnv } from "./context.ts";
import { ApiError } from "./errors.ts";

const requiredBindings = ["DB", "MEDIA", "POOL", "WEBHOOK_QUEUE"] as const;

/** The runtime hands every request of an isolate the same `env`: parsed once. */
const parsedByEnv = new WeakMap<Env, SettingsResult>();

/** The settings of this deployment, with missing bindings counted as wrong settings. */
export function settingsOf(env: Env): SettingsResult {
  const known = parsedByEnv.get(env);
  if (known) return known;
  const missing = requiredBindings.filter((name) => !env[name]);
  const result: SettingsResult =
    missing.length > 0
      ? { status: "invalid", detail: missing.map((name) => `${name} is not bound`).join("; ") }
      : parseSettings(env);
  parsedByEnv.set(env, result);
  return result;
}

export function settings(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const result = settingsOf(c.env);
    if (result.status === "invalid") throw new ApiError("CONFIG_ERROR", result.detail);
    c.set("settings", result.settings);
    await next();
  };
}
