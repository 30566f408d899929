/** Real HTTP servers on loopback, stopped after each test. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { parseByteRange } from "../../../worker-node/source/byte-range.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Serves until the test ends. `port` 0 takes a free one. */
export async function serve(handler: Handler, port = 0): Promise<URL & { port: string }> {
  const server = createServer(handler);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

/** A whole request body. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bytes in which every position can be told from its neighbours. */
export function patternBytes(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let index = 0; index < size; index += 1) {
    bytes[index] = (index ^ (index >> 8) ^ (index >> 16)) * 31;
  }
  return bytes;
}

/** Answers a range of `bytes` as a good server does. */
export function sendRange(
  bytes: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>> = {},
): void {
  const range = parseByteRange(request.headers.range, bytes.length);
  if (range.status === "unsatisfiable") {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  } else if (range.status === "whole") {
    response.writeHead(200, { "content-length": bytes.length, ...headers }).end(bytes);
  } else {
    const part = bytes.subarray(range.start, range.end + 1);
    const contentRange = `bytes ${range.start}-${range.end}/${bytes.length}`;
    response
      .writeHead(206, { "content-length": part.length, "content-range": contentRange, ...headers })
      .end(part);
  }
}
