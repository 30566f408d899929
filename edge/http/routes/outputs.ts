/**
 * Signed output URLs. The signature is their only credential and a path segment, so that the relative URLs
 * of a playlist work under it: mounted before the key is looked at.
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { readOutputToken } from "../../media/signed-urls.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { serveJobOutput } from "../job-output.ts";
import { answers, byteAnswers, OUTPUT_TYPES } from "../openapi.ts";

const route = createRoute({
  method: "get",
  path: "/signed/{token}/{name}",
  operationId: "getSignedOutput",
  tags: ["Jobs"],
  summary: "The bytes of an output, by its signed URL",
  description: "The `url` of an output. Ranges and HEAD are honoured; the URL ends on its own.",
  security: [],
  request: { params: z.object({ token: z.string(), name: z.string() }) },
  responses: {
    ...answers({}, [
      "UNAUTHORIZED",
      "JOB_NOT_FOUND",
      "NOT_FOUND",
      "JOB_NOT_COMPLETE",
      "RANGE_NOT_SATISFIABLE",
      "PRECONDITION_FAILED",
    ]),
    ...byteAnswers(OUTPUT_TYPES),
  },
});

export const signedOutputRoutes = new OpenAPIHono<AppEnv>().openapi(route, async (c) => {
  const { token, name } = c.req.valid("param");
  const now = Date.now();
  const claims = await readOutputToken(c.get("settings"), token, now);
  if (claims === null) {
    throw new ApiError("UNAUTHORIZED", "The URL's signature has expired, or was never given.");
  }
  const { expiresAt, ...asked } = claims;
  // The bytes behind a signed URL never change; a copy of them is good as long as the URL is.
  const cacheControl = `private, max-age=${Math.floor((expiresAt - now) / 1000)}, immutable`;
  const deps = { env: c.env, settings: c.get("settings") };
  return serveJobOutput(deps, c.req.raw, { ...asked, name, cacheControl });
});
