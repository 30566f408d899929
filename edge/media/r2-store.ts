/** The store over the R2 binding. Error codes: https://developers.cloudflare.com/r2/api/error-codes/ (2026-10). */
import { toHex } from "../hex.ts";
import { withKnownLength } from "./known-length.ts";
import type { Store, StoredObject } from "./store.ts";

/** The store over one bucket's binding. */
export function createR2Store(bucket: R2Bucket): Store {
  return {
    async head(key) {
      const object = await bucket.head(key);
      return object === null ? null : describe(object);
    },

    async get(key, options = {}) {
      const { range, etag } = options;
      const object = await bucket.get(key, {
        ...(range === undefined ? {} : { range: { offset: range.offset, length: range.length } }),
        ...(etag === undefined ? {} : { onlyIf: { etagMatches: etag } }),
      });
      // Without a body: the precondition failed.
      if (object === null || !("body" in object)) return null;
      return { object: describe(object), body: object.body };
    },

    async put(key, body, options) {
      const written = await withKnownLength(body, options.size, (bytes) =>
        bucket.put(key, bytes, {
          httpMetadata: { contentType: options.contentType },
          ...(options.onlyIfAbsent === true ? { onlyIf: { etagDoesNotMatch: "*" } } : {}),
          ...(options.sha256 === undefined ? {} : { sha256: options.sha256 }),
        }),
      );
      switch (written.status) {
        case "ok":
          return written.value === null
            ? { status: "exists" }
            : { status: "ok", etag: written.value.etag };
        case "wrong_size":
          return written;
        case "failed":
          if (codeOf(written.error) === BAD_DIGEST) return { status: "checksum_mismatch" };
          throw written.error;
      }
    },

    async createMultipart(key, contentType) {
      const upload = await bucket.createMultipartUpload(key, { httpMetadata: { contentType } });
      return { uploadId: upload.uploadId };
    },

    async putPart(key, uploadId, partNumber, body, size) {
      const upload = bucket.resumeMultipartUpload(key, uploadId);
      const written = await withKnownLength(body, size, (bytes) =>
        upload.uploadPart(partNumber, bytes),
      );
      switch (written.status) {
        case "ok":
          return { status: "ok", etag: written.value.etag };
        case "wrong_size":
          return written;
        case "failed":
          if (codeOf(written.error) === NO_SUCH_UPLOAD) return { status: "no_upload" };
          throw written.error;
      }
    },

    async completeMultipart(key, uploadId, parts) {
      if (parts.length === 0) return { status: "bad_parts", detail: "The upload has no parts." };
      const inOrder = parts.toSorted((a, b) => a.partNumber - b.partNumber);
      try {
        const object = await bucket.resumeMultipartUpload(key, uploadId).complete(inOrder);
        return { status: "ok", object: describe(object) };
      } catch (error) {
        const code = codeOf(error);
        if (code === NO_SUCH_UPLOAD) return { status: "no_upload" };
        if (code !== null && code in badParts) {
          return { status: "bad_parts", detail: badParts[code] ?? "" };
        }
        throw error;
      }
    },

    async abortMultipart(key, uploadId) {
      try {
        await bucket.resumeMultipartUpload(key, uploadId).abort();
      } catch (error) {
        if (codeOf(error) !== NO_SUCH_UPLOAD) throw error;
      }
    },

    async delete(keys) {
      if (keys.length > 0) await bucket.delete([...keys]);
    },

    async list(prefix, cursor) {
      const page = await bucket.list({
        prefix,
        ...(cursor === undefined ? {} : { cursor }),
      });
      return { objects: page.objects.map(listed), cursor: page.truncated ? page.cursor : null };
    },
  };
}

const NO_SUCH_UPLOAD = 10024;
const BAD_DIGEST = 10037;
const badParts: Readonly<Record<number, string>> = {
  10011: "A part other than the last is smaller than 5 MiB.",
  10025: "A part is missing or its ETag is not the stored one.",
  10048: "The parts but the last are not all of one size.",
};

/** The binding's errors carry their code only at the end of the message: `put: ... (10037)`. */
function codeOf(error: unknown): number | null {
  const code = error instanceof Error ? /\((\d{5})\)$/.exec(error.message)?.[1] : undefined;
  return code === undefined ? null : Number(code);
}

function describe(object: R2Object): StoredObject {
  const { sha256 } = object.checksums;
  return {
    key: object.key,
    size: object.size,
    etag: object.etag,
    contentType: object.httpMetadata?.contentType ?? null,
    sha256: sha256 === undefined ? null : toHex(sha256),
  };
}

/** A list is asked for no metadata: with it a page holds fewer objects. */
function listed(object: R2Object): StoredObject {
  return { key: object.key, size: object.size, etag: object.etag, contentType: null, sha256: null };
}
