/**
 * A typed client of the REST API over `fetch`: the command, the dashboard and the tests use it. It runs wherever
 * there is `fetch`, and imports the protocol's types alone.
 */
import type {
  Attempt,
  CancelledAnswer,
  Job,
  JobList,
  JobRequest,
  RetriedAnswer,
} from "../protocol/http/jobs.ts";
import type { CreatedKey, KeyList, KeyRequest } from "../protocol/http/keys.ts";
import type { Preset, PresetDraft, PresetList } from "../protocol/http/presets.ts";
import type { Session } from "../protocol/http/session.ts";
import type { CreatedUpload, CreateUpload, PartUrls, Upload } from "../protocol/http/uploads.ts";
import type { Video, VideoList } from "../protocol/http/videos.ts";
import type {
  CreatedWebhook,
  DeliveryList,
  Webhook,
  WebhookDelivery,
  WebhookList,
  WebhookPatch,
  WebhookRequest,
  WebhookSecret,
} from "../protocol/http/webhooks.ts";
import type {
  CreatedWorkerToken,
  WorkerList,
  WorkerTokenRequest,
} from "../protocol/http/workers.ts";
import { failureOf } from "./failure.ts";

export interface ClientOptions {
  /** Origin of the edge, e.g. `http://127.0.0.1:8787`. */
  readonly url: string;
  /** Without one, the browser's session cookie speaks. */
  readonly key?: string;
}

export interface PageQuery {
  /** 1 to 200, by default 50. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

/** Set values of a query; `undefined` and empty ones are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** Secrets are left out of replayed answers alone, and this client asks for no replay. */
type Shown<Created, Secret extends string> = Created & Readonly<Record<Secret, string>>;
export type ShownKey = Shown<CreatedKey, "key">;
export type ShownWorkerToken = Shown<CreatedWorkerToken, "token">;
export type ShownWebhook = Shown<CreatedWebhook, "secret">;

/** Calls reject with an `ApiFailure` for an error answer, and with what `fetch` throws where there was none. */
export class ApiClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Sends a request and answers the parsed JSON; null for an empty answer. */
  async call<T>(method: string, route: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const answer = await this.send(method, route, {
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return (answer.status === 204 ? null : await answer.json()) as T;
  }

  /** Sends a request; `route` is a path on the edge, or an absolute URL under it. */
  async send(method: string, route: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(this.credentials())) headers.set(name, value);
    const answer = await fetch(this.urlOf(route), { ...init, method, headers });
    if (answer.ok) return answer;
    throw failureOf(answer.status, await answer.text());
  }

  /** The headers that say who is asking; none where a cookie does. */
  credentials(): Readonly<Record<string, string>> {
    const { key } = this.#options;
    return key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  urlOf(route: string): string {
    return new URL(route, this.#options.url).href;
  }

  get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== "") search.set(name, String(value));
    }
    return this.call("GET", search.size === 0 ? path : `${path}?${search}`, undefined, signal);
  }

  signIn(key: string): Promise<Session> {
    return this.call("POST", "/v1/session", { key });
  }
  signOut(): Promise<null> {
    return this.call("DELETE", "/v1/session");
  }
  session(): Promise<Session> {
    return this.get("/v1/session");
  }

  createUpload(request: CreateUpload): Promise<CreatedUpload> {
    return this.call("POST", "/v1/uploads", request);
  }
  upload(uploadId: string, signal?: AbortSignal): Promise<Upload> {
    return this.get(`/v1/uploads/${segment(uploadId)}`, {}, signal);
  }
  partUrls(
    uploadId: string,
    partNumbers: readonly number[],
    signal?: AbortSignal,
  ): Promise<PartUrls> {
    const path = `/v1/uploads/${segment(uploadId)}/part-urls`;
    return this.call("POST", path, { partNumbers }, signal);
  }
  completeUpload(
    uploadId: string,
    parts: readonly { readonly partNumber: number; readonly etag: string }[],
    signal?: AbortSignal,
  ): Promise<Video> {
    return this.call("POST", `/v1/uploads/${segment(uploadId)}/complete`, { parts }, signal);
  }
  abortUpload(uploadId: string): Promise<null> {
    return this.call("DELETE", `/v1/uploads/${segment(uploadId)}`);
  }

  listVideos(query: PageQuery = {}, signal?: AbortSignal): Promise<VideoList> {
    return this.get("/v1/videos", { ...query }, signal);
  }
  video(videoId: string, signal?: AbortSignal): Promise<Video> {
    return this.get(`/v1/videos/${segment(videoId)}`, {}, signal);
  }
  deleteVideo(videoId: string): Promise<null> {
    return this.call("DELETE", `/v1/videos/${segment(videoId)}`);
  }
  /** Where the source's bytes are, with ranges. */
  videoContentUrl(videoId: string): string {
    return this.urlOf(`/v1/videos/${segment(videoId)}/content`);
  }

  createJob(request: JobRequest): Promise<Job> {
    return this.call("POST", "/v1/jobs", request);
  }
  listJobs(
    query: PageQuery & {
      readonly state?: string;
      readonly videoId?: string;
      readonly search?: string;
    } = {},
    signal?: AbortSignal,
  ): Promise<JobList> {
    return this.get("/v1/jobs", { ...query }, signal);
  }
  job(jobId: string, signal?: AbortSignal): Promise<Job> {
    return this.get(jobPath(jobId), {}, signal);
  }
  /** Every attempt of the job, oldest first. */
  async attempts(jobId: string, signal?: AbortSignal): Promise<readonly Attempt[]> {
    const path = `${jobPath(jobId)}/attempts`;
    return (await this.get<{ attempts: Attempt[] }>(path, {}, signal)).attempts;
  }
  cancelJob(jobId: string): Promise<CancelledAnswer> {
    return this.call("POST", `${jobPath(jobId)}/cancel`, {});
  }
  retryJob(jobId: string, request: { timeoutSeconds?: number } = {}): Promise<RetriedAnswer> {
    return this.call("POST", `${jobPath(jobId)}/retry`, request);
  }

  listPresets(query: PageQuery = {}, signal?: AbortSignal): Promise<PresetList> {
    return this.get("/v1/presets", { ...query }, signal);
  }
  createPreset(request: PresetDraft): Promise<Preset> {
    return this.call("POST", "/v1/presets", request);
  }
  updatePreset(presetId: string, request: PresetDraft): Promise<Preset> {
    return this.call("PUT", `/v1/presets/${segment(presetId)}`, request);
  }
  deletePreset(presetId: string): Promise<null> {
    return this.call("DELETE", `/v1/presets/${segment(presetId)}`);
  }

  listWorkers(query: PageQuery = { limit: 200 }, signal?: AbortSignal): Promise<WorkerList> {
    return this.get("/v1/workers", { ...query }, signal);
  }
  createWorkerToken(request: WorkerTokenRequest): Promise<ShownWorkerToken> {
    return this.call("POST", "/v1/workers/tokens", request);
  }
  drainWorker(workerId: string): Promise<{ draining: true; workerId: string }> {
    return this.call("POST", `/v1/workers/${segment(workerId)}/drain`, {});
  }
  revokeWorker(workerId: string): Promise<null> {
    return this.call("DELETE", `/v1/workers/${segment(workerId)}`);
  }

  listWebhooks(query: PageQuery = {}, signal?: AbortSignal): Promise<WebhookList> {
    return this.get("/v1/webhooks", { ...query }, signal);
  }
  createWebhook(request: WebhookRequest): Promise<ShownWebhook> {
    return this.call("POST", "/v1/webhooks", request);
  }
  updateWebhook(webhookId: string, patch: WebhookPatch): Promise<Webhook> {
    return this.call("PATCH", `/v1/webhooks/${segment(webhookId)}`, patch);
  }
  deleteWebhook(webhookId: string): Promise<null> {
    return this.call("DELETE", `/v1/webhooks/${segment(webhookId)}`);
  }
  /** Sends the endpoint an event that nothing caused. */
  testWebhook(webhookId: string): Promise<WebhookDelivery> {
    return this.call("POST", `/v1/webhooks/${segment(webhookId)}/test`, {});
  }
  rotateWebhookSecret(webhookId: string): Promise<WebhookSecret> {
    return this.call("POST", `/v1/webhooks/${segment(webhookId)}/rotate-secret`, {});
  }
  listDeliveries(
    query: PageQuery & { readonly jobId?: string; readonly webhookId?: string } = {},
    signal?: AbortSignal,
  ): Promise<DeliveryList> {
    return this.get("/v1/webhooks/deliveries", { ...query }, signal);
  }
  redeliver(deliveryId: string): Promise<WebhookDelivery> {
    return this.call("POST", `/v1/webhooks/deliveries/${segment(deliveryId)}/redeliver`, {});
  }

  listKeys(query: PageQuery = {}, signal?: AbortSignal): Promise<KeyList> {
    return this.get("/v1/keys", { ...query }, signal);
  }
  createKey(request: KeyRequest): Promise<ShownKey> {
    return this.call("POST", "/v1/keys", request);
  }
  revokeKey(keyId: string): Promise<null> {
    return this.call("DELETE", `/v1/keys/${segment(keyId)}`);
  }
}

const segment = encodeURIComponent;
const jobPath = (jobId: string) => `/v1/jobs/${segment(jobId)}`;
