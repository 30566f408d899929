/** What the HTTP tests share: the app over the real D1 and R2, keys, and a pool that answers as told. */
import { env } from "cloudflare:workers";
import type { Env } from "../../../edge/env.ts";
import { createApp } from "../../../edge/http/app.ts";
import { newId } from "../../../edge/ids.ts";
import type { ErrorAnswer } from "../../../protocol/errors.ts";
import { type Contract, createContract } from "./contract.ts";

export const ROOT_KEY = "test-root-key-0123456789";

export const testEnv = env as unknown as Env;

const app = createApp();

let contract: Promise<Contract> | null = null;

async function readContract(): Promise<Contract> {
  const answer = await app.fetch(new Request("https://telecine.test/openapi.json"), testEnv);
  return createContract(await answer.json());
}

/** @throws where the answer is not what the OpenAPI document says of the request. */
async function holdToContract(request: Request, answer: Response): Promise<void> {
  contract ??= readContract();
  const problems = await (await contract).problemsOf(request, answer);
  if (problems.length === 0) return;
  const { pathname } = new URL(request.url);
  throw new Error(
    `${request.method} ${pathname} answered ${answer.status} against the document:\n${problems.join("\n")}`,
  );
}

export interface CallOptions {
  readonly method?: string;
  /** JSON body. */
  readonly json?: unknown;
  /** Body as it is, instead of `json`. */
  readonly body?: BodyInit;
  /** Null sends no key. */
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  readonly env?: Env;
}

/**
 * One request to the app. With a `json` or `body` the method defaults to POST. Every answer is held to the OpenAPI
 * document.
 */
export async function call(path: string, options: CallOptions = {}): Promise<Response> {
  const { key = ROOT_KEY, json, body } = options;
  const headers = new Headers(options.headers);
  if (key !== null && !headers.has("authorization")) headers.set("authorization", `Bearer ${key}`);
  if (json !== undefined && !headers.has("content-type")) {
    headers.set("content-type", "application/json");
  }
  const payload = json === undefined ? body : JSON.stringify(json);
  const request = new Request(`https://telecine.test${path}`, {
    method: options.method ?? (payload === undefined ? "GET" : "POST"),
    headers,
    ...(payload === undefined ? {} : { body: payload }),
  });
  const answer = await app.fetch(request, options.env ?? testEnv);
  await holdToContract(request, answer);
  return answer;
}

/** Status and error of an answer that is a refusal. */
export async function refusal(
  answer: Response | Promise<Response>,
): Promise<{ status: number } & ErrorAnswer["error"]> {
  const response = await answer;
  const body = await response.json<ErrorAnswer>();
  return { status: response.status, ...body.error };
}

/** A key with these scopes; made by the root key, in its account unless another is named. */
export async function makeKey(
  scopes: readonly string[] = ["read", "write"],
  accountId?: string,
): Promise<string> {
  const answer = await call("/v1/keys", {
    json: { name: "test", scopes, ...(accountId === undefined ? {} : { accountId }) },
  });
  if (answer.status !== 201) throw new Error(`no key: ${await answer.text()}`);
  return (await answer.json<{ key: string }>()).key;
}

/** A video's row, as a finished upload leaves it; another state for one that has not finished. */
export async function makeVideo(
  accountId = "default",
  state: "ready" | "uploading" = "ready",
): Promise<string> {
  const videoId = newId("video", Date.now());
  await testEnv.DB.prepare(
    `insert into videos (id, account_id, filename, content_type, size, state, key, etag, created_at)
     values (?1, ?2, 'clip.mp4', 'video/mp4', 1000, ?3, ?4, ?5, ?6)`,
  )
    .bind(
      videoId,
      accountId,
      state,
      `sources/${accountId}/${videoId}`,
      state === "ready" ? "etag-1" : null,
      Date.now(),
    )
    .run();
  return videoId;
}
