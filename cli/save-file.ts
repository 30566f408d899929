/** Files fetched from the edge: under their names only when they are whole. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable, Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { mayPass } from "../client/failure.ts";
import type { TelecineClient } from "./client.ts";

export interface WantedFile {
  readonly name: string;
  /** Where on the edge it is. */
  readonly route: string;
  /** What its bytes must be, in hexadecimal; null where only their number is known. */
  readonly sha256: string | null;
}

export interface Received {
  readonly bytes: number;
  /** Null where the answer does not tell. */
  readonly ofBytes: number | null;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Told as bytes arrive; a try that follows a broken one begins at 0. */
  readonly onReceived?: (received: Received) => void;
}

const TRIES = 5;
const FIRST_PAUSE_MS = 500;

/**
 * Fetches a file whose text is needed.
 *
 * @throws Error for bytes that are not those of the checksum.
 */
export async function fetchText(
  client: TelecineClient,
  wanted: WantedFile,
  options: FetchOptions,
): Promise<string> {
  let chunks: Buffer[] = [];
  await fetchTo(client, wanted, options, () => {
    chunks = [];
    return new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
  });
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * Saves a file in `folder`; what was there under its name is replaced at once, by the whole of it.
 *
 * @throws Error for bytes that are not those of the checksum.
 */
export function saveFile(
  client: TelecineClient,
  wanted: WantedFile,
  folder: string,
  options: FetchOptions,
): Promise<string> {
  return replaceFile(folder, wanted.name, (partial) =>
    fetchTo(client, wanted, options, () => createWriteStream(partial)),
  );
}

/** Writes a text into `folder`, as `saveFile` does. */
export function saveText(folder: string, name: string, text: string): Promise<string> {
  return replaceFile(folder, name, (partial) => writeFile(partial, text));
}

async function replaceFile(
  folder: string,
  name: string,
  write: (partial: string) => Promise<void>,
): Promise<string> {
  const target = path.join(folder, name);
  const partial = `${target}.${process.pid}.part`;
  try {
    await write(partial);
    await rename(partial, target);
    return target;
  } finally {
    await rm(partial, { force: true });
  }
}

/** A line that broke and an edge that is busy are tried again, four times. */
async function fetchTo(
  client: TelecineClient,
  wanted: WantedFile,
  options: FetchOptions,
  open: () => Writable,
): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await receive(client, wanted, options, open);
    } catch (error) {
      if (tried === TRIES || options.signal.aborted || !mayPass(error)) throw error;
      await delay(FIRST_PAUSE_MS * 2 ** (tried - 1), null, { signal: options.signal });
    }
  }
}

async function receive(
  client: TelecineClient,
  { name, route, sha256 }: WantedFile,
  { signal, onReceived }: FetchOptions,
  open: () => Writable,
): Promise<void> {
  // Packed on its way, a text would have another length than the answer says.
  const headers = { "accept-encoding": "identity" };
  const answer = await client.send("GET", route, { signal, headers });
  if (!answer.body) throw new Error(`The edge sent no bytes for ${name}. Fetch it again.`);
  const ofBytes = lengthOf(answer);
  const hash = createHash("sha256");
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      onReceived?.({ bytes, ofBytes });
      done(null, chunk);
    },
  });
  const body = Readable.fromWeb(answer.body as import("node:stream/web").ReadableStream);
  await pipeline(body, count, open(), { signal });
  if (ofBytes !== null && bytes !== ofBytes) {
    throw new TypeError(`${name} ended after ${bytes} of ${ofBytes} bytes.`);
  }
  const arrived = hash.digest("hex");
  if (sha256 !== null && arrived !== sha256) {
    throw new Error(
      `${name} arrived with the SHA-256 ${arrived}, but the job says ${sha256}. Download it again.`,
    );
  }
}

/** Of the body's bytes; null where a proxy packed them all the same, or does not tell. */
function lengthOf(answer: Response): number | null {
  const length = answer.headers.get("content-length");
  return length === null || answer.headers.has("content-encoding") ? null : Number(length);
}
