/** A typed client of the REST API: what the commands use, over `fetch`. */
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import type { ErrorAnswer } from "../protocol/errors.ts";
import type { Attempt, Job, JobRequest } from "../protocol/http/jobs.ts";
import type { Upload, UploadedPart } from "../protocol/http/uploads.ts";
import type { Video } from "../protocol/http/videos.ts";
import type { CreatedWorkerToken, Worker } from "../protocol/http/workers.ts";

/** An error answer of the edge, with its code. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly status: number;
  readonly answer: ErrorAnswer["error"] | null;

  constructor(status: number, answer: ErrorAnswer["error"] | null, text: string) {
    super(
      answer ? `${answer.code}: ${answer.message} ${answer.detail}` : `HTTP ${status}: ${text}`,
    );
    this.status = status;
    this.answer = answer;
  }
}

export interface ClientOptions {
  /** Origin of the edge, e.g. `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly key: string;
}

export interface UploadProgress {
  readonly part: number;
  readonly parts: number;
  readonly sentBytes: number;
  readonly totalBytes: number;
}

export class TelecineClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Sends a request with the key and answers the parsed JSON; an error answer becomes an `ApiFailure`. */
  async call<T>(method: string, route: string, body?: unknown): Promise<T> {
    const answer = await this.send(method, route, {
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return (answer.status === 204 ? null : await answer.json()) as T;
  }

  /** Sends a request with the key; `route` is a path on the edge, or an absolute URL under it. */
  async send(method: string, route: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${this.#options.key}`);
    const answer = await fetch(new URL(route, this.#options.url), { ...init, method, headers });
    if (answer.ok) return answer;
    const text = await answer.text();
    throw new ApiFailure(answer.status, parseErrorAnswer(text), text.slice(0, 200));
  }

  listWorkers(): Promise<{ workers: Worker[] }> {
    return this.call("GET", "/v1/workers?limit=200");
  }

  createWorkerToken(request: { name: string; pool: string }): Promise<CreatedWorkerToken> {
    return this.call("POST", "/v1/workers/tokens", request);
  }

  createJob(request: JobRequest): Promise<Job> {
    return this.call("POST", "/v1/jobs", request);
  }

  job(jobId: string): Promise<Job> {
    return this.call("GET", `/v1/jobs/${encodeURIComponent(jobId)}`);
  }

  /** Every attempt of the job, oldest first. */
  async attempts(jobId: string): Promise<readonly Attempt[]> {
    const route = `/v1/jobs/${encodeURIComponent(jobId)}/attempts`;
    return (await this.call<{ attempts: Attempt[] }>("GET", route)).attempts;
  }

  /**
   * Uploads a file in parts, `concurrency` at a time, each read from disk when its turn comes.
   *
   * @returns the video. Parts the edge has already are not sent again when `uploadId` names an upload.
   */
  async uploadFile(
    file: string,
    options: {
      readonly onProgress?: (progress: UploadProgress) => void;
      readonly concurrency?: number;
    } = {},
  ): Promise<Video> {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const upload = await this.call<Upload>("POST", "/v1/uploads", {
        filename: path.basename(file),
        size,
      });
      const parts = await this.#sendParts(handle, size, upload, options);
      return await this.call("POST", `/v1/uploads/${upload.uploadId}/complete`, { parts });
    } finally {
      await handle.close();
    }
  }

  async #sendParts(
    handle: FileHandle,
    size: number,
    upload: Upload,
    options: Parameters<TelecineClient["uploadFile"]>[1] & {},
  ): Promise<{ partNumber: number; etag: string }[]> {
    const { uploadId, partSize, partCount } = upload;
    const done: { partNumber: number; etag: string }[] = [];
    let sentBytes = 0;
    let next = 1;
    const sendInTurn = async () => {
      while (next <= partCount) {
        const partNumber = next++;
        const offset = (partNumber - 1) * partSize;
        const bytes = Buffer.alloc(Math.min(partSize, size - offset));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
        if (bytesRead !== bytes.length) throw new Error("The file was changed while it went up.");
        const { etag } = await this.#sendPart(uploadId, partNumber, bytes);
        done.push({ partNumber, etag });
        sentBytes += bytes.length;
        options.onProgress?.({
          part: done.length,
          parts: partCount,
          sentBytes,
          totalBytes: size,
        });
      }
    };
    await Promise.all(Array.from({ length: options.concurrency ?? 3 }, sendInTurn));
    return done.sort((a, b) => a.partNumber - b.partNumber);
  }

  async #sendPart(uploadId: string, partNumber: number, bytes: Buffer): Promise<UploadedPart> {
    const answer = await this.send("PUT", `/v1/uploads/${uploadId}/parts/${partNumber}`, {
      body: bytes,
      headers: { "content-type": "application/octet-stream" },
    });
    return (await answer.json()) as UploadedPart;
  }
}

function parseErrorAnswer(text: string): ErrorAnswer["error"] | null {
  try {
    return (JSON.parse(text) as Partial<ErrorAnswer>).error ?? null;
  } catch {
    return null;
  }
}
