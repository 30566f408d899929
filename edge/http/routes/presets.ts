/** `/v1/presets`: stored recipes, and the built-in ones beside them. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { pageQuerySchema } from "../../../protocol/http/common.ts";
import {
  type Preset,
  type PresetRequest,
  presetListSchema,
  presetRequestSchema,
  presetSchema,
} from "../../../protocol/http/presets.ts";
import { builtInPreset, builtInPresets } from "../../../protocol/presets.ts";
import { defaultFormat, formatRefusal, refuseFormat } from "../../../protocol/recipes/index.ts";
import {
  deletePreset,
  findPresetRow,
  insertPreset,
  listPresets,
  type PresetRow,
  replacePreset,
} from "../../catalogue/presets.ts";
import { newId } from "../../ids.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers, commonErrors, idParameter, jsonRequest } from "../openapi.ts";
import { readCursor, readPage, toPage } from "../pagination.ts";
import { builtInView, noPreset, presetView } from "../presets.ts";

const PRESET_ID = "pre_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
const params = idParameter("presetId", PRESET_ID);
const tags = ["Presets"];

const requestExample = {
  name: "Archive",
  recipe: { name: "transcode", codec: "hevc", crf: 20 },
  output: { format: "mp4" },
};
const example: Preset = {
  presetId: PRESET_ID,
  name: "Archive",
  description: null,
  recipe: { name: "transcode", codec: "hevc", crf: 20, preset: "medium" },
  output: { format: "mp4" },
  builtIn: false,
  createdAt: "2026-11-22T17:01:02.345Z",
  updatedAt: "2026-11-22T17:01:02.345Z",
};

const createPresetRoute = createRoute({
  method: "post",
  path: "/presets",
  operationId: "createPreset",
  tags,
  summary: "Store a recipe under a name",
  middleware: requireScope("write"),
  request: { body: jsonRequest(presetRequestSchema, requestExample) },
  responses: answers({ 201: { schema: presetSchema, example } }, [
    "VALIDATION_ERROR",
    "IDEMPOTENCY_MISMATCH",
    ...commonErrors,
  ]),
});

const listPresetsRoute = createRoute({
  method: "get",
  path: "/presets",
  operationId: "listPresets",
  tags,
  summary: "The stored presets, newest first, then the built-in ones",
  middleware: requireScope("read"),
  request: { query: pageQuerySchema },
  responses: answers(
    { 200: { schema: presetListSchema, example: { presets: [example], nextCursor: null } } },
    ["VALIDATION_ERROR", ...commonErrors],
  ),
});

const getPresetRoute = createRoute({
  method: "get",
  path: "/presets/{presetId}",
  operationId: "getPreset",
  tags,
  summary: "One preset",
  middleware: requireScope("read"),
  request: { params },
  responses: answers({ 200: { schema: presetSchema, example } }, ["NOT_FOUND", ...commonErrors]),
});

const replacePresetRoute = createRoute({
  method: "put",
  path: "/presets/{presetId}",
  operationId: "replacePreset",
  tags,
  summary: "Replace a stored preset",
  description: "Jobs that were submitted with it keep the recipe they were submitted with.",
  middleware: requireScope("write"),
  request: { params, body: jsonRequest(presetRequestSchema, requestExample) },
  responses: answers({ 200: { schema: presetSchema, example } }, [
    "VALIDATION_ERROR",
    "NOT_FOUND",
    ...commonErrors,
  ]),
});

const deletePresetRoute = createRoute({
  method: "delete",
  path: "/presets/{presetId}",
  operationId: "deletePreset",
  tags,
  summary: "Delete a stored preset",
  middleware: requireScope("write"),
  request: { params },
  responses: {
    204: { description: "Deleted." },
    ...answers({}, ["VALIDATION_ERROR", "NOT_FOUND", ...commonErrors]),
  },
});

function refuseBuiltIn(presetId: string): void {
  if (builtInPreset(presetId) === null) return;
  throw new ApiError("VALIDATION_ERROR", `presetId: '${presetId}' is built in and read-only.`);
}

/** What a client sets, as it is stored. The format must be one that the recipe can make. */
function toStored(request: PresetRequest) {
  const format = request.output?.format ?? defaultFormat(request.recipe.name);
  const refusal = refuseFormat(request.recipe, format);
  if (refusal !== null) {
    throw new ApiError("VALIDATION_ERROR", formatRefusal(refusal, "output.format"));
  }
  return {
    name: request.name,
    description: request.description ?? null,
    recipe: JSON.stringify(request.recipe),
    outputFormat: format,
  };
}

/** What follows the cursor, with one more than the page holds: the stored ones, then the built-in ones. */
async function presetsAfter(
  db: D1Database,
  accountId: string,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<readonly Preset[]> {
  const builtIn = builtInPresets.map(builtInView);
  const after = query.cursor === undefined ? null : readCursor(query.cursor);
  const at = builtIn.findIndex(({ presetId }) => presetId === after);
  if (at >= 0) return builtIn.slice(at + 1);
  const stored = await listPresets(db, accountId, readPage("preset", query));
  return [...stored.map(presetView), ...builtIn];
}

export const presetRoutes = new OpenAPIHono<AppEnv>()
  .openapi(createPresetRoute, async (c) => {
    const now = Date.now();
    const row: PresetRow = {
      id: newId("preset", now),
      accountId: c.get("principal").accountId,
      ...toStored(c.req.valid("json")),
      createdAt: now,
      updatedAt: now,
    };
    await insertPreset(c.env.DB, row);
    return c.json(presetView(row), 201, { location: `/v1/presets/${row.id}` });
  })
  .openapi(listPresetsRoute, async (c) => {
    const query = c.req.valid("query");
    const rest = await presetsAfter(c.env.DB, c.get("principal").accountId, query);
    const { items, nextCursor } = toPage(rest, query.limit, (preset) => preset.presetId);
    return c.json({ presets: [...items], nextCursor }, 200);
  })
  .openapi(getPresetRoute, async (c) => {
    const { presetId } = c.req.valid("param");
    const builtIn = builtInPreset(presetId);
    if (builtIn !== null) return c.json(builtInView(builtIn), 200);
    const row = await findPresetRow(c.env.DB, c.get("principal").accountId, presetId);
    if (row === null) throw noPreset(presetId);
    return c.json(presetView(row), 200);
  })
  .openapi(replacePresetRoute, async (c) => {
    const { presetId } = c.req.valid("param");
    refuseBuiltIn(presetId);
    const change = { ...toStored(c.req.valid("json")), updatedAt: Date.now() };
    const { accountId } = c.get("principal");
    const row = await replacePreset(c.env.DB, accountId, presetId, change);
    if (row === null) throw noPreset(presetId);
    return c.json(presetView(row), 200);
  })
  .openapi(deletePresetRoute, async (c) => {
    const { presetId } = c.req.valid("param");
    refuseBuiltIn(presetId);
    const { accountId } = c.get("principal");
    if ((await deletePreset(c.env.DB, accountId, presetId)) === "missing") {
      throw noPreset(presetId);
    }
    return c.body(null, 204);
  });
