/**
 * `/v1/tus`: the tus 1.0 protocol over the same uploads, so that any tus client can send a file and go on where it was
 * interrupted. The last byte completes the upload: it is a video from then on.
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { clientMetadataSchema } from "../../../protocol/http/common.ts";
import { beginAppend, endAppend } from "../../catalogue/appends.ts";
import { findUpload, type UploadRow } from "../../catalogue/uploads.ts";
import { appendBytes } from "../../media/append-bytes.ts";
import { completeUpload, deleteUpload } from "../../media/complete-upload.ts";
import { createStore } from "../../media/create-store.ts";
import { createUpload } from "../../media/create-upload.ts";
import { fileTooLarge } from "../../media/limits.ts";
import type { UploadDeps } from "../../media/settle-upload.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers, commonErrors, idParameter } from "../openapi.ts";
import { sourceNameOf } from "../source-name.ts";
import {
  byteCount,
  refuseOtherVersion,
  TUS_CONTENT_TYPE,
  TUS_EXTENSIONS,
  TUS_VERSION,
  uploadLength,
  uploadMetadata,
} from "../tus.ts";

const uploadParameter = idParameter("uploadId", "upl_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA");
const version = z.string().meta({ example: TUS_VERSION });
const tusErrors = ["VALIDATION_ERROR", "PRECONDITION_FAILED", ...commonErrors] as const;

const optionsRoute = createRoute({
  method: "options",
  path: "/tus",
  operationId: "getTusOptions",
  tags: ["Uploads"],
  summary: "What of the tus protocol is spoken here",
  security: [],
  responses: {
    204: { description: "Tus-Version, Tus-Extension and Tus-Max-Size." },
    ...answers({}, ["CONFIG_ERROR"]),
  },
});

const createRouteOfTus = createRoute({
  method: "post",
  path: "/tus",
  operationId: "createTusUpload",
  tags: ["Uploads"],
  summary: "Open an upload (tus creation)",
  description:
    "Upload-Metadata must have `filename`; its other entries become the upload's metadata. Location ends in the upload's id.",
  middleware: [requireScope("write")] as const,
  request: {
    headers: z.object({
      "tus-resumable": version.optional(),
      "upload-length": z.string().optional().meta({ example: "20000000" }),
      "upload-metadata": z.string().optional().meta({ example: "filename aG9saWRheS5tb3Y=" }),
    }),
  },
  responses: {
    201: { description: "Opened; Location says where to send the bytes." },
    ...answers({}, ["FILE_TOO_LARGE", "UNSUPPORTED_FORMAT", ...tusErrors]),
  },
});

const patchRoute = createRoute({
  method: "patch",
  path: "/tus/{uploadId}",
  operationId: "appendTusUpload",
  tags: ["Uploads"],
  summary: "Send bytes from an offset on (tus core)",
  middleware: [requireScope("write")] as const,
  request: {
    params: uploadParameter,
    headers: z.object({
      "tus-resumable": version.optional(),
      "upload-offset": z.string().optional().meta({ example: "0" }),
    }),
  },
  responses: {
    204: { description: "Stored; Upload-Offset says how far the upload is." },
    ...answers({}, [
      "NOT_FOUND",
      "UPLOAD_OFFSET_MISMATCH",
      "UPLOAD_INCOMPLETE",
      "UPLOAD_LOCKED",
      "FILE_TOO_LARGE",
      "UNSUPPORTED_FORMAT",
      ...tusErrors,
    ]),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/tus/{uploadId}",
  operationId: "deleteTusUpload",
  tags: ["Uploads"],
  summary: "Give up an upload (tus termination)",
  middleware: [requireScope("write")] as const,
  request: { params: uploadParameter },
  responses: {
    204: { description: "Gone." },
    ...answers({}, ["NOT_FOUND", "UPLOAD_LOCKED", ...tusErrors]),
  },
});

/** Hono answers HEAD through GET's handlers; the document has it as what it is. Described, not bound. */
const headRoute = createRoute({
  method: "head",
  path: "/tus/{uploadId}",
  operationId: "getTusOffset",
  tags: ["Uploads"],
  summary: "How far an upload is (tus core)",
  description:
    "The offset stands until somebody sends from it: a PATCH that is still under way ends here, with what it had stored.",
  request: { params: uploadParameter },
  responses: {
    200: { description: "Upload-Offset and Upload-Length." },
    ...answers({}, ["NOT_FOUND", ...tusErrors]),
  },
});

/** What the spec wants of every request but OPTIONS, and in every answer. */
function speaksTus(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    c.header("tus-resumable", TUS_VERSION);
    if (c.req.method !== "OPTIONS") refuseOtherVersion(c.req.header("tus-resumable"));
    await next();
    c.header("tus-resumable", TUS_VERSION);
  };
}

const tellOptions = (c: Context<AppEnv>) =>
  c.body(null, 204, {
    "tus-resumable": TUS_VERSION,
    "tus-version": TUS_VERSION,
    "tus-extension": TUS_EXTENSIONS,
    "tus-max-size": String(c.get("settings").maxFileSizeMb * 1_000_000),
  });

/** Mounted before the key is looked at: a client may ask what is spoken before it has one, and of any URL of ours. */
export const tusOptionsRoutes = new OpenAPIHono<AppEnv>().openapi(optionsRoute, tellOptions);
tusOptionsRoutes.options("/tus/*", tellOptions);

export const tusRoutes = new OpenAPIHono<AppEnv>();
tusRoutes.use("/tus", speaksTus());
tusRoutes.use("/tus/*", speaksTus());
tusRoutes.openapi(createRouteOfTus, open);
// Other tus servers end their endpoint in a slash (`/files/`), and so do people who come from them.
tusRoutes.post("/tus/", requireScope("write"), open);
tusRoutes.openapi(patchRoute, (c) => append(c, c.req.valid("param").uploadId));
tusRoutes.openapi(deleteRoute, (c) => terminate(c, c.req.valid("param").uploadId));
tusRoutes.openAPIRegistry.registerPath(headRoute);
tusRoutes.get("/tus/:uploadId", requireScope("write"), async (c) => {
  if (c.req.method !== "HEAD") return c.notFound();
  const deps = depsOf(c);
  const uploadId = c.req.param("uploadId");
  // Who asks where to go on sends no more by an earlier request: what the edge still has of that would move the offset
  // after it was told.
  await endAppend(deps.db, c.get("principal").accountId, uploadId, deps.now());
  let upload = await uploadOf(c, uploadId);
  if (upload.state === "open" && upload.received === upload.size) {
    // Its last request died before it could complete what it had stored.
    await completeUpload(deps, upload.accountId, uploadId, null);
    upload = await uploadOf(c, uploadId);
  }
  return c.body(null, 200, {
    "upload-offset": String(offsetOf(upload)),
    "upload-length": String(upload.size),
    ...expiryOf(upload),
  });
});
/** For clients that can send nothing but POST (spec, "X-HTTP-Method-Override"). */
tusRoutes.post("/tus/:uploadId", requireScope("write"), async (c) => {
  const { uploadId } = c.req.param();
  switch (c.req.header("x-http-method-override")?.toUpperCase()) {
    case "PATCH":
      return append(c, uploadId);
    case "DELETE":
      return terminate(c, uploadId);
    default:
      return c.notFound();
  }
});

function depsOf(c: Context<AppEnv>): UploadDeps {
  const settings = c.get("settings");
  return { db: c.env.DB, store: createStore(c.env, settings), settings, now: Date.now };
}

async function open(c: Context<AppEnv>): Promise<Response> {
  const size = uploadLength(c.req.raw.headers);
  const tooLarge = fileTooLarge(size, c.get("settings"));
  if (tooLarge !== null) throw new ApiError("FILE_TOO_LARGE", tooLarge);
  const { filename, metadata } = describedBy(c.req.header("upload-metadata") ?? null);
  const upload = await createUpload(depsOf(c), {
    ...sourceNameOf(filename),
    accountId: c.get("principal").accountId,
    size,
    mode: "proxied",
    isAppended: true,
    metadata,
  });
  const here = new URL(c.req.url).pathname.replace(/\/$/, "");
  return c.body(null, 201, { ...expiryOf(upload), location: `${here}/${upload.id}` });
}

function noUpload(uploadId: string): ApiError {
  return new ApiError("NOT_FOUND", `No upload with id '${uploadId}' exists.`);
}

async function uploadOf(c: Context<AppEnv>, uploadId: string): Promise<UploadRow> {
  const upload = await findUpload(c.env.DB, c.get("principal").accountId, uploadId, Date.now());
  if (upload === null || upload.state === "rejected") throw noUpload(uploadId);
  return upload;
}

/** RFC 9110 date, as the extension asks. */
function expiryOf(upload: UploadRow): Record<string, string> {
  return upload.state === "completed"
    ? {}
    : { "upload-expires": new Date(upload.expiresAt).toUTCString() };
}

function offsetOf(upload: UploadRow): number {
  return upload.state === "completed" ? upload.size : upload.received;
}

function describedBy(header: string | null) {
  const pairs = uploadMetadata(header);
  const filename = pairs.get("filename") ?? pairs.get("name");
  if (filename === undefined) {
    throw new ApiError(
      "VALIDATION_ERROR",
      "The header Upload-Metadata must have 'filename': its extension says what the file is.",
    );
  }
  const metadata = clientMetadataSchema.safeParse(Object.fromEntries(pairs));
  if (metadata.success) return { filename, metadata: JSON.stringify(metadata.data) };
  throw new ApiError(
    "VALIDATION_ERROR",
    `The header Upload-Metadata ${metadata.error.issues[0]?.message}.`,
  );
}

async function append(c: Context<AppEnv>, uploadId: string): Promise<Response> {
  if (c.req.header("content-type")?.toLowerCase() !== TUS_CONTENT_TYPE) {
    throw new ApiError(
      "UNSUPPORTED_FORMAT",
      `The header Content-Type must be '${TUS_CONTENT_TYPE}'.`,
    );
  }
  const offset = byteCount("Upload-Offset", c.req.header("upload-offset"));
  const deps = depsOf(c);
  const { accountId } = c.get("principal");
  const writer = crypto.randomUUID();
  const now = deps.now();
  const begun = await beginAppend(deps.db, { accountId, uploadId, offset, writer, now });
  if (begun === null) return answerUnmoved(c, await uploadOf(c, uploadId), offset);
  refuseTooLong(begun, c.req.header("content-length"));
  const body = c.req.raw.body;
  const appended =
    body === null
      ? { status: "ok" as const, received: offset, isBroken: false }
      : await appendBytes(deps, begun, writer, body);
  if (appended.status === "taken_over") {
    throw new ApiError(
      "UPLOAD_LOCKED",
      `Another request has taken over upload '${uploadId}', or it has ended.`,
    );
  }
  if (appended.status === "too_long") throw tooLong(begun);
  if (appended.received === begun.size) await finish(deps, begun);
  return done(c, appended.received, begun);
}

function done(c: Context<AppEnv>, offset: number, upload: UploadRow): Response {
  return c.body(null, 204, {
    "upload-offset": String(offset),
    ...(offset === upload.size ? {} : expiryOf(upload)),
  });
}

/**
 * Nobody goes on from this offset. At the very end of the upload that is no fault: whoever asks there, with nothing more
 * to send, may have missed the answer to the last byte.
 */
async function answerUnmoved(
  c: Context<AppEnv>,
  upload: UploadRow,
  offset: number,
): Promise<Response> {
  if (upload.mode === "direct") throw noUpload(upload.id);
  if (offset === upload.size && offset === offsetOf(upload)) {
    refuseTooLong({ ...upload, received: offset }, c.req.header("content-length"));
    await finish(depsOf(c), upload);
    return done(c, offset, upload);
  }
  throw new ApiError(
    "UPLOAD_OFFSET_MISMATCH",
    `Upload-Offset is ${offset}, but upload '${upload.id}' stands at ${offsetOf(upload)} of ${upload.size} bytes.`,
  );
}

function tooLong(upload: UploadRow): ApiError {
  return new ApiError(
    "VALIDATION_ERROR",
    `The body goes beyond the upload's ${upload.size} bytes (Upload-Length).`,
  );
}

function refuseTooLong(upload: UploadRow, contentLength: string | undefined): void {
  if (upload.received + Number(contentLength ?? 0) > upload.size) throw tooLong(upload);
}

/** Makes the whole upload a video, or says why it is none. */
async function finish(deps: UploadDeps, upload: UploadRow): Promise<void> {
  const outcome = await completeUpload(deps, upload.accountId, upload.id, null);
  switch (outcome.status) {
    case "ready":
      return;
    case "incomplete":
      throw new ApiError("UPLOAD_INCOMPLETE", outcome.detail);
    case "rejected":
      throw new ApiError(outcome.rejection.code, outcome.rejection.detail);
    case "gone":
      throw noUpload(upload.id);
    case "busy":
      throw new ApiError("UPLOAD_LOCKED", `Upload '${upload.id}' is still being completed.`);
  }
}

async function terminate(c: Context<AppEnv>, uploadId: string): Promise<Response> {
  const outcome = await deleteUpload(depsOf(c), c.get("principal").accountId, uploadId);
  if (outcome === "missing") throw noUpload(uploadId);
  if (outcome === "busy") {
    throw new ApiError("UPLOAD_LOCKED", `Upload '${uploadId}' is still being completed.`);
  }
  return c.body(null, 204);
}
