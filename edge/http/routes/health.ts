/** `GET /health`: up, and configured. Needs no key. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { healthSchema } from "../../../protocol/http/common.ts";
import type { AppEnv } from "../context.ts";
import { answers } from "../openapi.ts";

const route = createRoute({
  method: "get",
  path: "/health",
  operationId: "getHealth",
  tags: ["Service"],
  summary: "Whether the service is up and configured",
  security: [],
  responses: answers({ 200: { schema: healthSchema, example: { status: "ok" } } }, [
    "CONFIG_ERROR",
  ]),
});

export const healthRoutes = new OpenAPIHono<AppEnv>().openapi(route, (c) =>
  c.json({ status: "ok" as const }, 200),
);
