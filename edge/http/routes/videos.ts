/** `/v1/videos`: the uploaded sources, and the short way to upload a small one. */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { pageQuerySchema } from "../../../protocol/http/common.ts";
import {
  videoListSchema,
  videoSchema,
  videoUploadQuerySchema,
} from "../../../protocol/http/videos.ts";
import { listUploadsOfDeleted } from "../../catalogue/uploads.ts";
import { deleteVideo, findVideo, listVideos, type VideoRow } from "../../catalogue/videos.ts";
import { createStore } from "../../media/create-store.ts";
import { deleteDoomed, freeUpload } from "../../media/free-upload.ts";
import { fileTooLarge } from "../../media/limits.ts";
import { receiveVideo } from "../../media/receive-video.ts";
import type { UploadDeps } from "../../media/settle-upload.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { fingerprinting } from "../file-fingerprint.ts";
import { answers, byteAnswers, commonErrors, idParameter } from "../openapi.ts";
import { readPage, toPage } from "../pagination.ts";
import { serveObject } from "../serve-object.ts";
import { videoView } from "../upload-view.ts";
import { parseOrRefuse } from "../validate.ts";
import { FORM_OVERHEAD_BYTES, openVideoBody } from "../video-body.ts";

const videoParameter = idParameter("videoId", "vid_01KAPZ5Y7M3T3V1H1ZK3N0Q9RB");
const binary = z.any().meta({ type: "string", format: "binary" });

/** Described, not bound: binding a form to a schema would read all of it into memory. */
const uploadRouteAt = (path: "/videos" | "/videos/upload") =>
  createRoute({
    method: "post",
    path,
    operationId: path === "/videos" ? "uploadVideo" : "uploadVideoByName",
    tags: ["Videos"],
    summary: "Upload a small video in one request",
    request: {
      query: videoUploadQuerySchema,
      body: {
        required: true,
        content: {
          "application/octet-stream": { schema: binary },
          "multipart/form-data": { schema: z.object({ file: binary }) },
        },
      },
    },
    responses: answers({ 201: { schema: videoSchema } }, [
      "VALIDATION_ERROR",
      "FILE_TOO_LARGE",
      "UNSUPPORTED_FORMAT",
      ...commonErrors,
    ]),
  });

const listRoute = createRoute({
  method: "get",
  path: "/videos",
  operationId: "listVideos",
  tags: ["Videos"],
  summary: "Videos, newest first",
  middleware: [requireScope("read")] as const,
  request: { query: pageQuerySchema },
  responses: answers({ 200: { schema: videoListSchema } }, ["VALIDATION_ERROR", ...commonErrors]),
});

const getRoute = createRoute({
  method: "get",
  path: "/videos/{videoId}",
  operationId: "getVideo",
  tags: ["Videos"],
  summary: "One video",
  middleware: [requireScope("read")] as const,
  request: { params: videoParameter },
  responses: answers({ 200: { schema: videoSchema } }, ["VIDEO_NOT_FOUND", ...commonErrors]),
});

const contentRoute = createRoute({
  method: "get",
  path: "/videos/{videoId}/content",
  operationId: "getVideoContent",
  tags: ["Videos"],
  summary: "The source's bytes; ranges and HEAD are answered",
  middleware: [requireScope("read")] as const,
  request: { params: videoParameter },
  responses: {
    ...byteAnswers(["video/*"]),
    ...answers({}, [
      "VIDEO_NOT_FOUND",
      "UPLOAD_INCOMPLETE",
      "RANGE_NOT_SATISFIABLE",
      "PRECONDITION_FAILED",
      ...commonErrors,
    ]),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/videos/{videoId}",
  operationId: "deleteVideo",
  tags: ["Videos"],
  summary: "Delete a video that no live job reads",
  middleware: [requireScope("write")] as const,
  request: { params: videoParameter },
  responses: {
    204: { description: "Gone." },
    ...answers({}, ["VIDEO_NOT_FOUND", "JOB_ALREADY_PROCESSING", ...commonErrors]),
  },
});

const router = new OpenAPIHono<AppEnv>()
  .openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    const page = readPage("video", query);
    const rows = await listVideos(c.env.DB, c.get("principal").accountId, page);
    const { items, nextCursor } = toPage(rows, query.limit, (row) => row.id);
    return c.json({ videos: items.map(videoView), nextCursor }, 200);
  })
  .openapi(getRoute, async (c) => {
    return c.json(videoView(await videoOf(c, c.req.valid("param").videoId)), 200);
  })
  .openapi(contentRoute, async (c) => {
    const video = await videoOf(c, c.req.valid("param").videoId);
    if (video.state !== "ready" || video.etag === null) {
      throw new ApiError("UPLOAD_INCOMPLETE", `Video '${video.id}' is still being uploaded.`);
    }
    const { key, etag, size: sizeBytes, contentType } = video;
    const served = await serveObject(
      c.req.raw,
      depsOf(c).store,
      { key, etag, sizeBytes, contentType },
      { filename: video.filename, cacheControl: "private, no-cache" },
    );
    if (served === null) throw noVideo(video.id);
    return served;
  })
  .openapi(deleteRoute, async (c) => {
    const { videoId } = c.req.valid("param");
    const deps = depsOf(c);
    const deleted = await deleteVideo(deps.db, c.get("principal").accountId, videoId, deps.now());
    if (deleted.status === "missing") throw noVideo(videoId);
    if (deleted.status === "busy") {
      throw new ApiError(
        "JOB_ALREADY_PROCESSING",
        `Video '${videoId}' is being read by job '${deleted.jobId}'.`,
      );
    }
    for (const upload of await listUploadsOfDeleted(deps.db, videoId)) {
      await freeUpload(deps, upload);
    }
    await deleteDoomed(deps, [deleted.key]);
    return c.body(null, 204);
  });

for (const path of ["/videos", "/videos/upload"] as const) {
  router.openAPIRegistry.registerPath(uploadRouteAt(path));
  router.post(path, requireScope("write"), upload);
}

export const videoRoutes = router;

async function upload(c: Context<AppEnv>): Promise<Response> {
  const { filename } = parseOrRefuse(videoUploadQuerySchema, c.req.query(), [], "query");
  const deps = depsOf(c);
  refuseDeclaredSize(c);
  const sent = await openVideoBody(c.req.raw, filename ?? null);
  const tapped = c.get("idempotentId") === undefined ? null : fingerprinting(sent);
  const { accountId } = c.get("principal");
  const received = await receiveVideo(deps, { accountId, ...(tapped?.file ?? sent) });
  switch (received.status) {
    case "ready":
      if (tapped !== null) c.set("fingerprint", await tapped.fingerprint());
      return c.json(videoView(received.video), 201, {
        location: `/v1/videos/${received.video.id}`,
      });
    case "refused":
      throw new ApiError(received.refusal.code, received.refusal.detail);
    case "gone":
      throw new ApiError("VIDEO_NOT_FOUND", "The video was deleted while it was being uploaded.");
  }
}

/** A body that says it is too large is not read at all; what does not say so is measured as it arrives. */
function refuseDeclaredSize(c: Context<AppEnv>): void {
  const declared = Number(c.req.header("content-length") ?? 0);
  const isForm = (c.req.header("content-type") ?? "").toLowerCase().startsWith("multipart/");
  const file = declared - (isForm ? FORM_OVERHEAD_BYTES : 0);
  const tooLarge = fileTooLarge(file, c.get("settings"));
  if (tooLarge !== null) throw new ApiError("FILE_TOO_LARGE", tooLarge);
}

async function videoOf(c: Context<AppEnv>, videoId: string): Promise<VideoRow> {
  const video = await findVideo(c.env.DB, c.get("principal").accountId, videoId);
  if (video === null) throw noVideo(videoId);
  return video;
}

/** The same words for what never was, what is another account's, and what is no more. */
function noVideo(videoId: string): ApiError {
  return new ApiError("VIDEO_NOT_FOUND", `No video with id '${videoId}' exists.`);
}

function depsOf(c: Context<AppEnv>): UploadDeps {
  const settings = c.get("settings");
  return { db: c.env.DB, store: createStore(c.env, settings), settings, now: Date.now };
}
