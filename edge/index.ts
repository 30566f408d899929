/** The Worker's entry: what the runtime calls, and nothing else. */
import type { Env } from "./env.ts";
import { createApp } from "./http/app.ts";
import { settingsOf } from "./http/settings.ts";
import { sweep } from "./sweep.ts";
import { handleQueue } from "./webhooks/consume.ts";

export { Pool } from "./pool/pool.ts";

const app = createApp();

/** Background work has nobody to answer to: a bad setting is logged by throwing, and the platform tries again. */
function requireSettings(env: Env) {
  const result = settingsOf(env);
  if (result.status === "invalid") throw new Error(`CONFIG_ERROR: ${result.detail}`);
  return result.settings;
}

export default {
  fetch(request, env, context) {
    return app.fetch(request, env, context);
  },
  queue(batch, env, context) {
    return handleQueue(batch, env, requireSettings(env), context);
  },
  scheduled(controller, env) {
    return sweep(env, requireSettings(env), controller.scheduledTime);
  },
} satisfies ExportedHandler<Env, { readonly deliveryId: string }>;
