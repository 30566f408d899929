/** Judges a stored source by its bytes: a name and a size are claims. */
import type { Rejection, UploadRow } from "../catalogue/uploads.ts";
import { sourceExtensionOf, unsupportedExtension } from "./filename.ts";
import { fileTooLarge } from "./limits.ts";
import { checkMagic, MAGIC_BYTES } from "./magic-bytes.ts";
import type { Store, StoredObject } from "./store.ts";

/** What is wrong with the bytes that arrived, against what was announced; null when nothing is. */
export async function inspectSource(
  deps: { readonly store: Store; readonly settings: { readonly maxFileSizeMb: number } },
  upload: UploadRow,
  object: StoredObject,
): Promise<Rejection | null> {
  const tooLarge = fileTooLarge(object.size, deps.settings);
  if (tooLarge !== null) return { code: "FILE_TOO_LARGE", detail: tooLarge };
  if (object.size !== upload.size) {
    const detail = `${object.size} bytes arrived instead of ${upload.size}; start a new upload.`;
    return { code: "UPLOAD_INCOMPLETE", detail };
  }
  return inspectContent(deps.store, object, upload.filename);
}

async function inspectContent(
  store: Store,
  object: StoredObject,
  filename: string,
): Promise<Rejection | null> {
  const extension = sourceExtensionOf(filename);
  if (extension === null) {
    return { code: "UNSUPPORTED_FORMAT", detail: unsupportedExtension(filename) };
  }
  const length = Math.min(MAGIC_BYTES, object.size);
  const found = await store.get(object.key, { range: { offset: 0, length }, etag: object.etag });
  if (found === null) throw new Error(`The object ${object.key} is gone.`);
  const head = new Uint8Array(await new Response(found.body).arrayBuffer());
  const magic = checkMagic(extension, head, object.size);
  return magic.status === "ok" ? null : { code: "UNSUPPORTED_FORMAT", detail: magic.detail };
}
