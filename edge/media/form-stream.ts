/**
 * multipart/form-data (RFC 7578, RFC 2046 section 5.1.1) read as a stream: `request.formData()` would hold the
 * whole body in memory.
 */

export type FormEvent =
  | { readonly type: "part"; readonly name: string; readonly filename: string | null }
  /** Bytes of the part last announced. */
  | { readonly type: "data"; readonly bytes: Uint8Array };

/** The body is not the form that its Content-Type says; the message is for the client. */
export class FormError extends Error {
  override readonly name = "FormError";
}

/** A part's header block, beyond which it is refused. */
const MAX_HEADER_BYTES = 16 * 1024;
const CR = 13;
const CRLF = bytesOf("\r\n");
const HEADERS_END = bytesOf("\r\n\r\n");

/** The boundary of a multipart/form-data Content-Type, or null where it is none. */
export function formBoundary(contentType: string): string | null {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) return null;
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return found?.[1] ?? found?.[2] ?? null;
}

/**
 * The form's parts and their bytes, in order. Throws `FormError` where the body is malformed, a body that stops
 * before its closing boundary included. Holds one chunk and one boundary in memory.
 */
export async function* readForm(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<FormEvent> {
  const input = createInput(body);
  try {
    yield* readParts(input, bytesOf(`\r\n--${boundary}`));
  } finally {
    await input.close();
  }
}

async function* readParts(input: Input, delimiter: Uint8Array): AsyncGenerator<FormEvent> {
  // The first delimiter may stand at the very start: the line break before it belongs to it.
  input.prepend(CRLF);
  await skip(until(input, delimiter));
  while (!(await isLast(input))) {
    yield { type: "part", ...(await readHeaders(input)) };
    for await (const bytes of until(input, delimiter)) yield { type: "data", bytes };
  }
  // An epilogue is to be ignored, but read: a client is not answered while it still sends.
  while (await input.more()) input.take(input.pending().byteLength);
}

async function skip(preamble: AsyncGenerator<Uint8Array>): Promise<void> {
  while ((await preamble.next()).done !== true);
}

interface Input {
  pending(): Uint8Array;
  /** Reads one more chunk; false at the end. */
  more(): Promise<boolean>;
  take(length: number): Uint8Array;
  prepend(bytes: Uint8Array): void;
  /** Lets go of the body, wherever it stands. */
  close(): Promise<void>;
}

function createInput(body: AsyncIterable<Uint8Array>): Input {
  const chunks = body[Symbol.asyncIterator]();
  let pending: Uint8Array = new Uint8Array();
  return {
    pending: () => pending,
    async more() {
      const next = await chunks.next();
      if (next.done === true) return false;
      pending = concat(pending, next.value);
      return true;
    },
    take(length) {
      const taken = pending.subarray(0, length);
      pending = pending.subarray(length);
      return taken;
    },
    prepend(bytes) {
      pending = concat(bytes, pending);
    },
    async close() {
      await chunks.return?.();
    },
  };
}

/** Yields what stands before `delimiter`, and takes the delimiter off the input. */
async function* until(input: Input, delimiter: Uint8Array): AsyncGenerator<Uint8Array> {
  for (;;) {
    const found = find(input.pending(), delimiter);
    if (found.at > 0) yield input.take(found.at);
    if (found.whole) {
      input.take(delimiter.byteLength);
      return;
    }
    if (!(await input.more())) throw new FormError("The form ends before its closing boundary.");
  }
}

/** After a delimiter comes `--` (the end) or a line break, with blanks allowed before it. */
async function isLast(input: Input): Promise<boolean> {
  while (input.pending().byteLength < 2) {
    if (!(await input.more())) throw new FormError("The form ends before its closing boundary.");
  }
  return startsWith(input.pending(), bytesOf("--"), 0);
}

async function readHeaders(
  input: Input,
): Promise<{ readonly name: string; readonly filename: string | null }> {
  for (;;) {
    const { at, whole } = find(input.pending(), HEADERS_END);
    if (at > MAX_HEADER_BYTES) throw new FormError("A part's headers are too long.");
    if (whole) return parseHeaders(takeText(input, at));
    if (!(await input.more())) throw new FormError("The form ends within a part's headers.");
  }
}

function takeText(input: Input, length: number): string {
  const text = new TextDecoder().decode(input.take(length));
  input.take(HEADERS_END.byteLength);
  return text;
}

function parseHeaders(text: string): { readonly name: string; readonly filename: string | null } {
  const disposition = /^content-disposition:[ \t]*form-data(.*)$/im.exec(text)?.[1] ?? "";
  const parameters = parametersOf(disposition);
  const name = parameters.get("name");
  if (name === undefined) throw new FormError("A part of the form has no name.");
  const extended = extendedValue(parameters.get("filename*") ?? "");
  return { name, filename: extended ?? parameters.get("filename") ?? null };
}

const EACH_PARAMETER = /;[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g;

/**
 * By lower-case name, the first of each. Browsers percent-encode quotes and line breaks in values (WHATWG HTML,
 * "multipart form data"); curl escapes them. Read in order, so that nothing in a quoted value passes for a parameter.
 */
function parametersOf(disposition: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, token = ""] of disposition.matchAll(EACH_PARAMETER)) {
    const value = (quoted?.replace(/\\(["\\])/g, "$1") ?? token).replace(/%(22|0D|0A)/gi, (code) =>
      decodeURIComponent(code),
    );
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, value);
  }
  return parameters;
}

/**
 * `UTF-8''na%C3%AFve.mp4` (RFC 8187 section 3.2), or null for what is none. RFC 7578 wants none in forms, but HTTP
 * clients send it for names beyond ASCII, some (.NET) beside a `filename` that nobody can read.
 */
function extendedValue(text: string): string | null {
  const encoded = /^utf-8'[^']*'(.*)$/i.exec(text)?.[1];
  if (encoded === undefined) return null;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return null;
  }
}

/** Where `needle` starts, or (`whole` false) where it might still start once more bytes are there. */
function find(
  bytes: Uint8Array,
  needle: Uint8Array,
): { readonly at: number; readonly whole: boolean } {
  // Every needle begins with CR, and finding one byte is native.
  let at = bytes.indexOf(CR);
  while (at !== -1) {
    if (startsWith(bytes, needle, at)) {
      return { at, whole: at + needle.byteLength <= bytes.byteLength };
    }
    at = bytes.indexOf(CR, at + 1);
  }
  return { at: bytes.byteLength, whole: false };
}

/** Whether `bytes` from `at` on agree with `prefix` as far as they go. */
function startsWith(bytes: Uint8Array, prefix: Uint8Array, at: number): boolean {
  const length = Math.min(prefix.byteLength, bytes.byteLength - at);
  for (let i = 0; i < length; i++) {
    if (bytes[at + i] !== prefix[i]) return false;
  }
  return true;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.byteLength === 0) return b;
  const joined = new Uint8Array(a.byteLength + b.byteLength);
  joined.set(a);
  joined.set(b, a.byteLength);
  return joined;
}
