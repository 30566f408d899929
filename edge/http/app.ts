/** The HTTP app: what every request passes through, and where each resource is mounted. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { authenticate } from "./auth.ts";
import type { AppEnv } from "./context.ts";
import { cors } from "./cors.ts";
import { dashboardRoutes } from "./dashboard.ts";
import { drainUnread } from "./drain-body.ts";
import { onError, onNotFound } from "./errors.ts";
import { requireHost } from "./host-header.ts";
import { idempotency } from "./idempotency.ts";
import { jsonBody } from "./json-body.ts";
import { noStore } from "./no-store.ts";
import { openApiDocument } from "./openapi-document.ts";
import { plainBody } from "./plain-body.ts";
import { rateLimit } from "./rate-limit.ts";
import { giveRequestIds } from "./request-ids.ts";
import { connectRoutes } from "./routes/connect.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { keyRoutes } from "./routes/keys.ts";
import { leaseRoutes } from "./routes/leases.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { signedOutputRoutes } from "./routes/outputs.ts";
import { poolRoutes } from "./routes/pools.ts";
import { presetRoutes } from "./routes/presets.ts";
import { sessionRoutes, signInRoutes } from "./routes/session.ts";
import { tusOptionsRoutes, tusRoutes } from "./routes/tus.ts";
import { uploadRoutes } from "./routes/uploads.ts";
import { videoRoutes } from "./routes/videos.ts";
import { webhookDeliveryRoutes } from "./routes/webhook-deliveries.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { workerRoutes } from "./routes/workers.ts";
import { settings } from "./settings.ts";
import { refuseInvalid } from "./validate.ts";

/** Resources that carry their own credential, or need none: mounted before the key is looked at. */
function mountPublic(v1: OpenAPIHono<AppEnv>): void {
  v1.route("/", healthRoutes);
  v1.route("/", leaseRoutes);
  v1.route("/", signedOutputRoutes);
  v1.route("/", connectRoutes);
  v1.route("/", signInRoutes);
  v1.route("/", tusOptionsRoutes);
}

/** Resources behind a key. */
function mountKeyed(v1: OpenAPIHono<AppEnv>): void {
  v1.route("/", sessionRoutes);
  v1.route("/", keyRoutes);
  v1.route("/", jobRoutes);
  v1.route("/", eventRoutes);
  v1.route("/", presetRoutes);
  v1.route("/", workerRoutes);
  v1.route("/", poolRoutes);
  v1.route("/", uploadRoutes);
  v1.route("/", tusRoutes);
  v1.route("/", videoRoutes);
  v1.route("/", webhookDeliveryRoutes);
  v1.route("/", webhookRoutes);
}

function createV1(): OpenAPIHono<AppEnv> {
  const v1 = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid });
  mountPublic(v1);
  v1.use("*", authenticate(), rateLimit(), plainBody(), jsonBody(), idempotency());
  mountKeyed(v1);
  return v1;
}

/** The whole app, under `/v1` and `/api/v1`. */
export function createApp(): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid });
  app.onError(onError);
  app.notFound(onNotFound);
  app.use("*", giveRequestIds(), cors(), noStore(), drainUnread(), requireHost(), settings());
  app.route("/", healthRoutes);
  app.route("/", dashboardRoutes);
  app.route("/", metricsRoutes);
  const v1 = createV1();
  app.route("/v1", v1);
  app.route("/api/v1", v1);

  const documented = new OpenAPIHono<AppEnv>();
  documented.route("/v1", v1);
  documented.route("/", metricsRoutes);
  const document = openApiDocument(documented);
  app.get("/openapi.json", (c) => c.json(document(new URL(c.req.url).origin)));
  return app;
}
