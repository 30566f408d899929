/** `/v1/uploads`: a file sent in parts, each of which may be sent again, out of order, days apart. */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { wholeNumberParameter } from "../../../protocol/http/common.ts";
import {
  completeUploadSchema,
  createdUploadSchema,
  createUploadSchema,
  partUrlsAnswerSchema,
  partUrlsRequestSchema,
  uploadedPartSchema,
  uploadSchema,
} from "../../../protocol/http/uploads.ts";
import { videoSchema } from "../../../protocol/http/videos.ts";
import { findUpload, listParts, type UploadRow } from "../../catalogue/uploads.ts";
import { completeUpload, deleteUpload } from "../../media/complete-upload.ts";
import { createPresigner, createStore } from "../../media/create-store.ts";
import { createUpload } from "../../media/create-upload.ts";
import { sourceKey } from "../../media/keys.ts";
import { fileTooLarge } from "../../media/limits.ts";
import { MAX_PARTS, partCountOf, sizeOfPart } from "../../media/part-plan.ts";
import { receivePart } from "../../media/receive-part.ts";
import type { UploadDeps } from "../../media/settle-upload.ts";
import { requireScope } from "../auth.ts";
import { sha256Of } from "../content-digest.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers, commonErrors, idParameter, jsonRequest } from "../openapi.ts";
import { sourceNameOf } from "../source-name.ts";
import { isoTime } from "../time.ts";
import { createdUploadView, uploadView, videoView } from "../upload-view.ts";

const created = {
  uploadId: "upl_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA" as const,
  videoId: "vid_01KAPZ5Y7M3T3V1H1ZK3N0Q9RB" as const,
  partSize: 8_388_608,
  partCount: 3,
  mode: "proxied" as const,
  expiresAt: "2026-11-23T17:01:02.345Z",
};
const uploadParameter = idParameter("uploadId", created.uploadId);

const createUploadRoute = createRoute({
  method: "post",
  path: "/uploads",
  operationId: "createUpload",
  tags: ["Uploads"],
  summary: "Open an upload in parts",
  middleware: [requireScope("write")] as const,
  request: {
    body: jsonRequest(createUploadSchema, { filename: "holiday.mov", size: 20_000_000 }),
  },
  responses: answers({ 201: { schema: createdUploadSchema, example: created } }, [
    "VALIDATION_ERROR",
    "FILE_TOO_LARGE",
    "UNSUPPORTED_FORMAT",
    "IDEMPOTENCY_MISMATCH",
    ...commonErrors,
  ]),
});

const putPartRoute = createRoute({
  method: "put",
  path: "/uploads/{uploadId}/parts/{partNumber}",
  operationId: "putUploadPart",
  tags: ["Uploads"],
  summary: "Send one part, or send it again",
  description:
    "The bytes as they are. A part of another size than planned, or that does not have the SHA-256 of its `Content-Digest` (RFC 9530) where one is given, is refused, and a good one sent before stays.",
  middleware: [requireScope("write")] as const,
  request: {
    params: uploadParameter.extend({ partNumber: wholeNumberParameter(1, MAX_PARTS) }),
    body: {
      required: true,
      content: { "application/octet-stream": { schema: z.any().meta({ format: "binary" }) } },
    },
  },
  responses: answers({ 200: { schema: uploadedPartSchema } }, [
    "VALIDATION_ERROR",
    "NOT_FOUND",
    ...commonErrors,
  ]),
});

const partUrlsRoute = createRoute({
  method: "post",
  path: "/uploads/{uploadId}/part-urls",
  operationId: "createUploadPartUrls",
  tags: ["Uploads"],
  summary: "Presigned URLs to PUT parts to (direct mode)",
  middleware: [requireScope("write")] as const,
  request: {
    params: uploadParameter,
    body: jsonRequest(partUrlsRequestSchema, { partNumbers: [1, 2, 3] }),
  },
  responses: answers({ 200: { schema: partUrlsAnswerSchema } }, [
    "VALIDATION_ERROR",
    "NOT_FOUND",
    "IDEMPOTENCY_MISMATCH",
    ...commonErrors,
  ]),
});

const getUploadRoute = createRoute({
  method: "get",
  path: "/uploads/{uploadId}",
  operationId: "getUpload",
  tags: ["Uploads"],
  summary: "What has arrived: all that is needed to resume",
  middleware: [requireScope("read")] as const,
  request: { params: uploadParameter },
  responses: answers({ 200: { schema: uploadSchema } }, ["NOT_FOUND", ...commonErrors]),
});

const completeRoute = createRoute({
  method: "post",
  path: "/uploads/{uploadId}/complete",
  operationId: "completeUpload",
  tags: ["Uploads"],
  summary: "Make the parts a video; repeating it gives the same video",
  middleware: [requireScope("write")] as const,
  request: {
    params: uploadParameter,
    body: {
      required: false,
      content: { "application/json": { schema: completeUploadSchema, example: {} } },
    },
  },
  responses: answers({ 201: { schema: videoSchema } }, [
    "VALIDATION_ERROR",
    "NOT_FOUND",
    "UPLOAD_INCOMPLETE",
    "FILE_TOO_LARGE",
    "UNSUPPORTED_FORMAT",
    "IDEMPOTENCY_MISMATCH",
    ...commonErrors,
  ]),
});

const deleteUploadRoute = createRoute({
  method: "delete",
  path: "/uploads/{uploadId}",
  operationId: "deleteUpload",
  tags: ["Uploads"],
  summary: "Give up an upload and free its parts",
  middleware: [requireScope("write")] as const,
  request: { params: uploadParameter },
  responses: {
    204: { description: "Gone." },
    ...answers({}, ["NOT_FOUND", "UPLOAD_INCOMPLETE", ...commonErrors]),
  },
});

/** How long presigned part URLs live: an upload that takes longer asks again. */
const PART_URL_TTL_SECONDS = 3600;

export const uploadRoutes = new OpenAPIHono<AppEnv>()
  .openapi(createUploadRoute, async (c) => {
    const { filename: raw, size, metadata } = c.req.valid("json");
    const name = sourceNameOf(raw);
    const tooLarge = fileTooLarge(size, c.get("settings"));
    if (tooLarge !== null) throw new ApiError("FILE_TOO_LARGE", tooLarge);
    const upload = await createUpload(depsOf(c), {
      ...name,
      accountId: c.get("principal").accountId,
      size,
      mode: c.get("settings").direct === null ? "proxied" : "direct",
      metadata: metadata === undefined ? null : JSON.stringify(metadata),
    });
    return c.json(createdUploadView(upload), 201);
  })
  .openapi(putPartRoute, async (c) => {
    const { uploadId, partNumber } = c.req.valid("param");
    const upload = await uploadOf(c, uploadId);
    refuseUnlessTakesPart(upload, partNumber);
    const part = await receivePart(depsOf(c), upload, {
      partNumber,
      body: c.req.raw.body,
      declaredBytes: declaredBytesOf(c),
      sha256: sha256Of(c.req.header("content-digest")),
    });
    if (part.status === "gone") {
      // The upload ended while the part arrived: how, its row knows, if it is still there.
      refuseUnlessTakesPart(await uploadOf(c, uploadId), partNumber);
      throw stillCompleting(uploadId);
    }
    if (part.status === "wrong_digest") {
      throw new ApiError(
        "VALIDATION_ERROR",
        `Part ${partNumber} does not have the SHA-256 of Content-Digest.`,
      );
    }
    if (part.status === "wrong_size") {
      const declared = declaredBytesOf(c);
      const instead = declared === null ? "" : `, and Content-Length is ${declared}`;
      throw new ApiError(
        "VALIDATION_ERROR",
        `Part ${partNumber} must have exactly ${part.expected} bytes${instead}.`,
      );
    }
    const { etag, size } = part;
    return c.json({ partNumber, etag, size }, 200, { etag: `"${etag}"` });
  })
  .openapi(partUrlsRoute, async (c) => {
    const { uploadId } = c.req.valid("param");
    const upload = await uploadOf(c, uploadId);
    const presigner = createPresigner(c.get("settings"));
    if (upload.mode !== "direct" || presigner === null) {
      throw new ApiError(
        "VALIDATION_ERROR",
        `Upload '${uploadId}' is proxied: PUT its parts to /v1/uploads/${uploadId}/parts/{n}.`,
      );
    }
    const time = { expiresInSeconds: PART_URL_TTL_SECONDS, now: Date.now() };
    const key = sourceKey(upload.accountId, upload.videoId);
    const parts = c.req.valid("json").partNumbers.map(async (partNumber) => {
      refuseUnknownPart(upload, partNumber);
      const url = await presigner.putPart(key, upload.storeUploadId ?? "", partNumber, time);
      return { partNumber, url, size: sizeOfPart(upload, partNumber) };
    });
    const expiresAt = isoTime(time.now + PART_URL_TTL_SECONDS * 1000);
    return c.json({ parts: await Promise.all(parts), expiresAt }, 200);
  })
  .openapi(getUploadRoute, async (c) => {
    const upload = await uploadOf(c, c.req.valid("param").uploadId);
    return c.json(uploadView(upload, await listParts(c.env.DB, upload.id)), 200);
  })
  .openapi(completeRoute, async (c) => {
    const { uploadId } = c.req.valid("param");
    const { accountId } = c.get("principal");
    const listed = c.req.valid("json").parts ?? null;
    const done = await completeUpload(depsOf(c), accountId, uploadId, listed);
    switch (done.status) {
      case "ready":
        return c.json(videoView(done.video), 201, { location: `/v1/videos/${done.video.id}` });
      case "incomplete":
        throw new ApiError("UPLOAD_INCOMPLETE", done.detail);
      case "rejected":
        throw new ApiError(done.rejection.code, done.rejection.detail);
      case "gone":
        throw noUpload(uploadId);
      case "busy":
        throw stillCompleting(uploadId);
    }
  })
  .openapi(deleteUploadRoute, async (c) => {
    const { uploadId } = c.req.valid("param");
    const outcome = await deleteUpload(depsOf(c), c.get("principal").accountId, uploadId);
    if (outcome === "missing") throw noUpload(uploadId);
    if (outcome === "busy") throw stillCompleting(uploadId);
    return c.body(null, 204);
  });

function depsOf(c: Context<AppEnv>): UploadDeps {
  const settings = c.get("settings");
  return { db: c.env.DB, store: createStore(c.env, settings), settings, now: Date.now };
}

async function uploadOf(c: Context<AppEnv>, uploadId: string): Promise<UploadRow> {
  const upload = await findUpload(c.env.DB, c.get("principal").accountId, uploadId, Date.now());
  if (upload === null) throw noUpload(uploadId);
  return upload;
}

/** The same words for what never was, what is another account's, and what is no more. */
function noUpload(uploadId: string): ApiError {
  return new ApiError("NOT_FOUND", `No upload with id '${uploadId}' exists.`);
}

function stillCompleting(uploadId: string): ApiError {
  return new ApiError("UPLOAD_INCOMPLETE", `Upload '${uploadId}' is still being completed.`);
}

function refuseUnknownPart(upload: UploadRow, partNumber: number): void {
  const count = partCountOf(upload);
  if (partNumber <= count) return;
  throw new ApiError(
    "VALIDATION_ERROR",
    `Part ${partNumber} does not exist: upload '${upload.id}' has parts 1 to ${count}.`,
  );
}

function refuseUnlessTakesPart(upload: UploadRow, partNumber: number): void {
  refuseUnknownPart(upload, partNumber);
  if (upload.mode === "direct") {
    throw new ApiError(
      "VALIDATION_ERROR",
      `Upload '${upload.id}' is direct: PUT its parts to the URLs of /v1/uploads/${upload.id}/part-urls.`,
    );
  }
  if (upload.state === "completed" || upload.state === "rejected") {
    throw new ApiError("VALIDATION_ERROR", `Upload '${upload.id}' is ${upload.state} already.`);
  }
}

/** `Content-Length`, or null for a chunked body. */
function declaredBytesOf(c: Context<AppEnv>): number | null {
  const header = c.req.header("content-length");
  return header === undefined || !/^\d{1,15}$/.test(header) ? null : Number(header);
}
