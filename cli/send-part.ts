/**
 * Sends a part over Node's HTTP client, which tells how far it has come: `fetch` says nothing until a part, of up to
 * 95 MiB, has arrived.
 */
import { type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { PartAnswer, PartRequest, SendPart } from "../client/send-file.ts";

const SLICE_BYTES = 256 * 1024;
/** A line on which nothing moves for so long is broken; the part is then sent again. */
const IDLE_LIMIT_MS = 120_000;

/** Puts one part; rejects with a TypeError, as `fetch` does, where there was no answer. */
export const sendPart: SendPart = ({ url, headers, body, signal, onSent }) =>
  new Promise((resolve, reject) => {
    const bytes = bytesOf(body);
    const fail = (cause: unknown) =>
      reject(signal.aborted ? signal.reason : new TypeError("fetch failed", { cause }));
    const options: RequestOptions = {
      method: "PUT",
      headers: { ...headers, "content-length": bytes.length },
      signal,
      timeout: IDLE_LIMIT_MS,
    };
    const send = url.startsWith("https:") ? requestHttps : requestHttp;
    const outgoing = send(url, options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", fail);
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          etag: answer.headers.etag ?? null,
          text: Buffer.concat(chunks).toString("utf8"),
        } satisfies PartAnswer),
      );
    });
    outgoing.on("timeout", () =>
      outgoing.destroy(new Error(`nothing moved for ${IDLE_LIMIT_MS / 1000} s`)),
    );
    outgoing.on("error", fail);
    let sent = 0;
    const writeOn = () => {
      while (sent < bytes.length) {
        const slice = bytes.subarray(sent, sent + SLICE_BYTES);
        sent += slice.length;
        const hasRoom = outgoing.write(slice);
        onSent(sent);
        if (!hasRoom) {
          outgoing.once("drain", writeOn);
          return;
        }
      }
      outgoing.end();
    };
    writeOn();
  });

function bytesOf(body: PartRequest["body"]): Uint8Array {
  // `fileSource` reads from disk: there are no Blobs here.
  if (body instanceof Blob) throw new Error("A part of a file on disk is no Blob.");
  return body;
}
