/** The file in a request's body: the body itself, or the field `file` of a form. Streamed either way. */
import type { SourceExtension } from "../../protocol/media.ts";
import { FormError, type FormEvent, formBoundary, readForm } from "../media/form-stream.ts";
import { ApiError } from "./errors.ts";
import { sourceNameOf } from "./source-name.ts";

/** What a form may add around its one file: two boundaries and a few headers, amply. */
export const FORM_OVERHEAD_BYTES = 64 * 1024;

export interface VideoBody {
  readonly filename: string;
  readonly extension: SourceExtension;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Opens the body; `named` is the query's file name and goes before a form's own. */
export async function openVideoBody(request: Request, named: string | null): Promise<VideoBody> {
  const contentType = request.headers.get("content-type") ?? "";
  // A refusal leaves the rest of the body for `drainUnread` to read: cancelling would cut the client off.
  const body = request.body?.values({ preventCancel: true }) ?? nothing();
  if (!/^multipart\//i.test(contentType)) {
    if (named === null) {
      throw invalid("filename is required as a query parameter when the body is the file");
    }
    return { ...sourceNameOf(named), bytes: body };
  }
  const boundary = formBoundary(contentType);
  if (boundary === null) {
    throw invalid("Content-Type must be multipart/form-data with a boundary, or the file's own");
  }
  return openFormFile(readForm(body, boundary), named);
}

async function openFormFile(
  events: AsyncGenerator<FormEvent>,
  named: string | null,
): Promise<VideoBody> {
  try {
    return await openFirstField(events, named);
  } catch (error) {
    await events.return(undefined);
    throw error;
  }
}

async function openFirstField(
  events: AsyncGenerator<FormEvent>,
  named: string | null,
): Promise<VideoBody> {
  const first = await events.next().catch(refuseMalformed);
  if (first.done === true || first.value.type !== "part") {
    throw invalid("file is required: the form has no field 'file'");
  }
  refuseOtherField(first.value.name);
  const filename = named ?? first.value.filename;
  if (filename === null) throw invalid("filename is required: the field 'file' has none");
  return { ...sourceNameOf(filename), bytes: fileBytes(events) };
}

/** The file's bytes; read to the form's end, so that what follows the file is checked too. */
async function* fileBytes(events: AsyncGenerator<FormEvent>): AsyncGenerator<Uint8Array> {
  try {
    for await (const event of events) {
      if (event.type === "data") yield event.bytes;
      else if (event.name === "file") throw invalid("file must be given once");
      else refuseOtherField(event.name);
    }
  } catch (error) {
    refuseMalformed(error);
  }
}

function refuseOtherField(name: string): void {
  if (name !== "file") throw invalid(`The form has an unknown field '${name}'`);
}

function refuseMalformed(error: unknown): never {
  if (error instanceof FormError) throw invalid(error.message);
  throw error;
}

function invalid(detail: string): ApiError {
  return new ApiError("VALIDATION_ERROR", detail);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
