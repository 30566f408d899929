/**
 * What a lease's grant lets its agent do (`protocol/grants.ts`). The token in the path is the only
 * credential: these routes are mounted before the key is looked at.
 */
import { type Context, Hono } from "hono";
import type { z } from "zod";
import {
  type BegunOutput,
  beginOutputSchema,
  morePartUrlsSchema,
  type partUrlsSchema,
  type putAnswerSchema,
} from "../../../protocol/grants.ts";
import { taskIdSchema } from "../../../protocol/ids.ts";
import { outputFilenameSchema } from "../../../protocol/task.ts";
import { createPresigner, createStore } from "../../media/create-store.ts";
import { type GrantClaims, readGrant } from "../../media/grants.ts";
import { attemptPrefix } from "../../media/keys.ts";
import { firstUrlCount, goesWhole, partCountFor, partSizeFor } from "../../media/output-parts.ts";
import type { Store } from "../../media/store.ts";
import { poolOf } from "../../pool-stub.ts";
import { declaredLength } from "../body-length.ts";
import { sha256Of } from "../content-digest.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { jsonBody } from "../json-body.ts";
import { serveObject } from "../serve-object.ts";
import { parseOrRefuse } from "../validate.ts";
import { writeOutput } from "../write-output.ts";

type Lease = GrantClaims & { readonly expiresAt: number };

export const leaseRoutes = new Hono<AppEnv>()
  .get("/leases/:token/inputs/:key", async (c) => {
    const lease = await leaseOf(c);
    const name = c.req.param("key");
    const input = Object.hasOwn(lease.inputs, name) ? lease.inputs[name] : undefined;
    if (input === undefined) throw new ApiError("NOT_FOUND", `The lease has no input '${name}'.`);
    const served = await serveObject(c.req.raw, storeOf(c), input, { cacheControl: "no-store" });
    if (served === null) {
      throw new ApiError("NOT_FOUND", `Input '${name}' is no longer what the lease was given for.`);
    }
    return served;
  })
  .get("/leases/:token/parts", async (c) => {
    const lease = await mergingLeaseOf(c);
    const { taskId, epoch } = lease;
    const found = await poolOf(c.env, lease).parts({ taskId, epoch });
    if (found.status === "stale_epoch") {
      throw new ApiError("UNAUTHORIZED", `Attempt ${epoch} of the task has lost its lease.`);
    }
    return c.json(found.list, 200, { "cache-control": "no-store" });
  })
  .get("/leases/:token/parts/:taskId/:epoch/:filename", async (c) => {
    const lease = await mergingLeaseOf(c);
    const store = storeOf(c);
    const key = partKeyOf(c, lease);
    // A part is what was accepted, and no other object: its ETag says which.
    if (!/^"[^"]+"$/.test(c.req.header("if-match")?.trim() ?? "")) {
      throw new ApiError("VALIDATION_ERROR", "If-Match with the part's ETag is required.");
    }
    const stored = await store.head(key);
    const served =
      stored &&
      (await serveObject(
        c.req.raw,
        store,
        { key, etag: stored.etag, sizeBytes: stored.size, contentType: stored.contentType ?? "" },
        { cacheControl: "no-store" },
      ));
    if (served === null) throw new ApiError("NOT_FOUND", "There is no such part.");
    return served;
  })
  .post("/leases/:token/outputs", jsonBody(), async (c) => {
    const lease = await leaseOf(c);
    const begin = parseOrRefuse(beginOutputSchema, await jsonOf(c), []);
    checkSize(begin.sizeBytes ?? 0, lease);
    const key = keyOf(lease, begin.filename);
    const begun: BegunOutput = goesWhole(begin.sizeBytes)
      ? await beginWhole(c, lease, { ...begin, key })
      : await beginParts(c, lease, { ...begin, key });
    return c.json(begun, 201);
  })
  .get("/leases/:token/outputs/:filename", async (c) => {
    const lease = await leaseOf(c);
    const filename = filenameOf(c);
    // An agent that met a 412 looks here whether the object is its own; it never needs the bytes.
    const stored =
      c.req.raw.method === "HEAD" ? await storeOf(c).head(keyOf(lease, filename)) : null;
    if (stored === null) throw new ApiError("NOT_FOUND", `The attempt wrote no '${filename}'.`);
    return new Response(null, {
      headers: { etag: `"${stored.etag}"`, "content-length": String(stored.size) },
    });
  })
  .put("/leases/:token/outputs/:filename", async (c) => {
    const lease = await leaseOf(c);
    const filename = filenameOf(c);
    const sizeBytes = declaredLength(c.req.header("content-length"));
    checkSize(sizeBytes, lease);
    const answer: z.infer<typeof putAnswerSchema> = await writeOutput(storeOf(c), {
      key: keyOf(lease, filename),
      filename,
      body: bodyOf(c),
      sizeBytes,
      contentType: c.req.header("content-type") ?? "application/octet-stream",
      sha256: sha256Of(c.req.header("content-digest")),
    });
    return c.json(answer, 200, { etag: `"${answer.etag}"` });
  })
  .put("/leases/:token/outputs/:filename/parts/:number", async (c) => {
    const lease = await leaseOf(c);
    const filename = filenameOf(c);
    const partNumber = partNumberOf(c, lease);
    const uploadId = c.req.query("uploadId");
    if (!uploadId) throw new ApiError("VALIDATION_ERROR", "uploadId is required.");
    const sizeBytes = declaredLength(c.req.header("content-length"));
    const limit = partSizeFor(lease.maxOutputBytes);
    if (sizeBytes === 0 || sizeBytes > limit) {
      throw new ApiError(
        "VALIDATION_ERROR",
        `A part must have 1 to ${limit} bytes, not ${sizeBytes}.`,
      );
    }
    const put = await storeOf(c).putPart(
      keyOf(lease, filename),
      uploadId,
      partNumber,
      bodyOf(c),
      sizeBytes,
    );
    switch (put.status) {
      case "ok": {
        const answer: z.infer<typeof putAnswerSchema> = { etag: put.etag };
        return c.json(answer, 200, { etag: `"${put.etag}"` });
      }
      case "no_upload":
        throw new ApiError("NOT_FOUND", `'${filename}' has no upload of this id.`);
      case "wrong_size":
        throw new ApiError(
          "VALIDATION_ERROR",
          `The body does not have the ${sizeBytes} bytes of its Content-Length.`,
        );
    }
  })
  .post("/leases/:token/outputs/:filename/part-urls", jsonBody(), async (c) => {
    const lease = await leaseOf(c);
    const key = keyOf(lease, filenameOf(c));
    const { uploadId, from, count } = parseOrRefuse(morePartUrlsSchema, await jsonOf(c), []);
    const most = partCountFor(lease.maxOutputBytes, partSizeFor(lease.maxOutputBytes));
    const to = Math.min(from + count - 1, most);
    const partUrls = await partUrlsFor(c, lease, { key, uploadId, from, to });
    const answer: z.infer<typeof partUrlsSchema> = { partUrls };
    return c.json(answer);
  });

/** @throws ApiError UNAUTHORIZED once the grant has ended, or where it was never given. */
async function leaseOf(c: Context<AppEnv>): Promise<Lease> {
  const lease = await readGrant(c.get("settings"), c.req.param("token") ?? "", Date.now());
  if (lease === null) {
    throw new ApiError("UNAUTHORIZED", "The lease's grant has ended, or was never given.");
  }
  return lease;
}

/** @throws ApiError UNAUTHORIZED for a grant that is not a merge's, too: to any other there are no parts. */
async function mergingLeaseOf(c: Context<AppEnv>): Promise<Lease> {
  const lease = await leaseOf(c);
  if (!lease.readsParts) throw new ApiError("UNAUTHORIZED", "The lease is not to read parts.");
  return lease;
}

/** Within the lease's own run, whatever the path says. */
function partKeyOf(c: Context<AppEnv>, { jobId, run }: Lease): string {
  const taskId = parseOrRefuse(taskIdSchema, c.req.param("taskId"), ["taskId"]);
  const epoch = c.req.param("epoch") ?? "";
  if (!/^[1-9]\d{0,9}$/.test(epoch)) {
    throw new ApiError("VALIDATION_ERROR", "The epoch must be a whole number from 1.");
  }
  return `${attemptPrefix({ jobId, run, taskId, epoch: Number(epoch) })}${filenameOf(c)}`;
}

function storeOf(c: Context<AppEnv>): Store {
  return createStore(c.env, c.get("settings"));
}

function filenameOf(c: Context<AppEnv>): string {
  return parseOrRefuse(outputFilenameSchema, c.req.param("filename"), ["filename"]);
}

function keyOf(lease: Lease, filename: string): string {
  return `${attemptPrefix(lease)}${filename}`;
}

function partNumberOf(c: Context<AppEnv>, lease: Lease): number {
  const text = c.req.param("number") ?? "";
  const most = partCountFor(lease.maxOutputBytes, partSizeFor(lease.maxOutputBytes));
  const number = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  if (number === 0 || number > most) {
    throw new ApiError("VALIDATION_ERROR", `The part number must be from 1 to ${most}.`);
  }
  return number;
}

function bodyOf(c: Context<AppEnv>): ReadableStream<Uint8Array> {
  return c.req.raw.body ?? new Blob([]).stream();
}

/** What `jsonBody` read, with its cap; a body that does not say it is JSON was not read. */
async function jsonOf(c: Context<AppEnv>): Promise<unknown> {
  if (!/^application\/json\b/i.test(c.req.header("content-type") ?? "")) {
    throw new ApiError("VALIDATION_ERROR", "The body must be JSON, sent as application/json.");
  }
  const text = await c.req.text();
  return text === "" ? undefined : JSON.parse(text);
}

function checkSize(sizeBytes: number, lease: Lease): void {
  if (sizeBytes > lease.maxOutputBytes) {
    throw new ApiError(
      "FILE_TOO_LARGE",
      `The output has ${sizeBytes} bytes. The lease allows ${lease.maxOutputBytes}.`,
    );
  }
}

interface Beginning {
  readonly key: string;
  readonly filename: string;
  readonly contentType: string;
  readonly sizeBytes: number | null;
}

async function beginWhole(
  c: Context<AppEnv>,
  lease: Lease,
  { key, filename, contentType }: Beginning,
): Promise<BegunOutput> {
  const presigner = createPresigner(c.get("settings"));
  if (presigner === null) {
    const url = `${baseOf(c)}/outputs/${filename}`;
    return { kind: "single", url, headers: { "content-type": contentType } };
  }
  return { kind: "single", ...(await presigner.put(key, contentType, timeOf(lease))) };
}

/** Begins the upload in the store and tells the pool, which aborts it if the attempt comes to nothing. */
async function beginParts(
  c: Context<AppEnv>,
  lease: Lease,
  { key, filename, contentType, sizeBytes }: Beginning,
): Promise<BegunOutput> {
  const store = storeOf(c);
  const { uploadId } = await store.createMultipart(key, contentType);
  try {
    const { taskId, epoch } = lease;
    const recorded = await poolOf(c.env, lease).recordUpload({ taskId, epoch, key, uploadId });
    if (recorded.status === "stale_epoch") {
      throw new ApiError("UNAUTHORIZED", `Attempt ${epoch} of the task has lost its lease.`);
    }
  } catch (error) {
    await store.abortMultipart(key, uploadId);
    throw error;
  }
  const to = firstUrlCount(sizeBytes, lease.maxOutputBytes);
  return {
    kind: "multipart",
    uploadId,
    partSizeBytes: partSizeFor(lease.maxOutputBytes),
    partUrls: await partUrlsFor(c, lease, { key, uploadId, from: 1, to }),
    morePartUrls: `${baseOf(c)}/outputs/${filename}/part-urls`,
  };
}

/** URLs of parts `from` to `to`; none when `to` is below `from`. */
async function partUrlsFor(
  c: Context<AppEnv>,
  lease: Lease,
  parts: {
    readonly key: string;
    readonly uploadId: string;
    readonly from: number;
    readonly to: number;
  },
): Promise<string[]> {
  const { key, uploadId, from, to } = parts;
  const numbers = Array.from({ length: Math.max(to - from + 1, 0) }, (_, i) => from + i);
  const presigner = createPresigner(c.get("settings"));
  if (presigner !== null) {
    return Promise.all(numbers.map((n) => presigner.putPart(key, uploadId, n, timeOf(lease))));
  }
  const filename = key.slice(attemptPrefix(lease).length);
  const query = new URLSearchParams({ uploadId });
  return numbers.map((n) => `${baseOf(c)}/outputs/${filename}/parts/${n}?${query}`);
}

/** The grant's `base`, whichever of the two mounts it was called through. */
function baseOf(c: Context<AppEnv>): string {
  return `/v1/leases/${c.req.param("token")}`;
}

/** Presigned URLs end with the grant that they were given under. */
function timeOf(lease: Lease): { expiresInSeconds: number; now: number } {
  const now = Date.now();
  return { expiresInSeconds: Math.ceil((lease.expiresAt - now) / 1000), now };
}
