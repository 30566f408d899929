/** A webhook sink that behaves as badly as asked: a path chooses how. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const manners = ["ok", "hang", "reset", "redirect", "gone", "broken"] as const;
export type Manner = (typeof manners)[number];

export interface Hook {
  /** The header `webhook-id`. */
  readonly id: string;
  readonly path: string;
  readonly type: string;
  readonly jobId: string;
}

export interface Sink {
  /** The URL of an endpoint of its own; `better` mends it. */
  url(name: string, manner: Manner): string;
  /** From now on this endpoint takes what comes. */
  mend(name: string): void;
  /** What arrived, whatever it was answered, in order. */
  readonly received: readonly Hook[];
  /** What was answered with 200. */
  readonly taken: readonly Hook[];
  stop(): Promise<void>;
}

export async function startSink(): Promise<Sink> {
  const received: Hook[] = [];
  const taken: Hook[] = [];
  const mannerOf = new Map<string, Manner>();
  const server = createServer((request, response) => {
    readBody(request).then(
      (body) => {
        const path = request.url ?? "/";
        const { type, data } = JSON.parse(body) as { type: string; data: { jobId: string } };
        const hook = { id: `${request.headers["webhook-id"]}`, path, type, jobId: data.jobId };
        received.push(hook);
        const manner = mannerOf.get(path) ?? "ok";
        if (manner === "ok") taken.push(hook);
        answer(manner, request, response);
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: (name, manner) => {
      mannerOf.set(`/${name}`, manner);
      return `${origin}/${name}`;
    },
    mend: (name) => mannerOf.set(`/${name}`, "ok"),
    received,
    taken,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(manner: Manner, request: IncomingMessage, response: ServerResponse): void {
  switch (manner) {
    case "ok":
      response.end();
      return;
    case "hang":
      return;
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "redirect":
      response.writeHead(302, { location: "/elsewhere" }).end();
      return;
    case "gone":
      response.writeHead(410).end();
      return;
    case "broken":
      response.writeHead(500).end();
      return;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
