/** The OpenAPI 3.1 document: the routes' own declarations, and what holds for all of them. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "./context.ts";
import { answers } from "./openapi.ts";

type OpenApiDocument = ReturnType<OpenAPIHono<AppEnv>["getOpenAPI31Document"]>;

const info = {
  title: "Telecine",
  version: "1",
  description: "Uploads video, transcodes it on workers of your own, and says how it went.",
  license: { name: "Apache-2.0", identifier: "Apache-2.0" },
};

const tags = [
  { name: "Uploads", description: "Files sent in parts: out of order, again, days apart." },
  { name: "Videos", description: "Uploaded sources." },
  { name: "Jobs", description: "Work on videos, its progress and its outputs." },
  { name: "Presets", description: "Stored recipes." },
  { name: "Webhooks", description: "Who is told of what jobs do, and every try of it." },
  { name: "Workers", description: "The machines that run ffmpeg." },
  { name: "Keys", description: "Credentials and their scopes." },
  { name: "Session", description: "A key's exchange for a cookie, and who the caller is." },
  { name: "Service", description: "Telecine itself." },
];

const IDEMPOTENCY_KEY = "IdempotencyKey";

/**
 * Gives the document of the routes under `/v1`, with the origin it is asked for at. Made once, at the first
 * request: it takes tens of milliseconds, and everybody may ask.
 */
export function openApiDocument(
  documented: OpenAPIHono<AppEnv>,
): (origin: string) => OpenApiDocument {
  let made: OpenApiDocument | null = null;
  return (origin) => {
    made ??= makeDocument(documented);
    return { ...made, servers: [{ url: origin }] };
  };
}

function makeDocument(documented: OpenAPIHono<AppEnv>): OpenApiDocument {
  const registry = documented.openAPIRegistry;
  registry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  registry.registerComponent("securitySchemes", "apiKey", {
    type: "apiKey",
    in: "header",
    name: "X-API-KEY",
  });
  registry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: "__Host-telecine_session",
    description:
      "The dashboard's cookie (`telecine_session` over plain http), made by `POST /v1/session`. Only pages of the " +
      "same origin may use it for what changes anything.",
  });
  registry.registerComponent("parameters", IDEMPOTENCY_KEY, {
    name: "Idempotency-Key",
    in: "header",
    description:
      "The same key with the same request answers with the first answer, for 24 hours, and does nothing twice.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  });
  takeIdempotencyKeys(registry.definitions);
  return documented.getOpenAPI31Document({
    openapi: "3.1.0",
    info,
    tags,
    security: [{ bearer: [] }, { apiKey: [] }, { session: [] }],
  });
}

type Definitions = OpenAPIHono<AppEnv>["openAPIRegistry"]["definitions"];

/** Every POST behind a key takes the header, because the middleware before its route does. */
function takeIdempotencyKeys(definitions: Definitions): void {
  for (const definition of definitions) {
    if (definition.type !== "route") continue;
    const { route } = definition;
    if (route.method !== "post" || route.security?.length === 0) continue;
    route.parameters = [{ $ref: `#/components/parameters/${IDEMPOTENCY_KEY}` }];
    route.responses = {
      ...answers({}, ["VALIDATION_ERROR", "IDEMPOTENCY_MISMATCH"]),
      ...route.responses,
    };
  }
}
