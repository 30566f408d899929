/**
 * The D1 tables. Times are integer milliseconds since the epoch, JSON is text. `migrations/` holds the SQL;
 * a test compares the two.
 */
import { isNull, sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { JobSubmission } from "../domain/submission.ts";

/** Made on first use of a slug by the root key; `default` is there from the first migration. */
export const accounts = sqliteTable("accounts", {
  id: text("id").primaryKey(),
  /** Versions of the account's webhook secret; secrets are derived, never stored. */
  webhookSecretVersion: integer("webhook_secret_version").notNull().default(1),
  webhookSecretRotatedAt: integer("webhook_secret_rotated_at"),
  createdAt: integer("created_at").notNull(),
});

export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    name: text("name").notNull(),
    /** SHA-256 of the key, hex. The key itself has 256 random bits, so no salt is needed. */
    hash: text("hash").notNull().unique(),
    scopes: text("scopes", { mode: "json" }).$type<("read" | "write" | "admin")[]>().notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
    revokedAt: integer("revoked_at"),
  },
  (table) => [index("api_keys_by_account").on(table.accountId, table.id)],
);

export const videos = sqliteTable(
  "videos",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    filename: text("filename").notNull(),
    contentType: text("content_type").notNull(),
    size: integer("size").notNull(),
    state: text("state", { enum: ["uploading", "ready"] }).notNull(),
    /** Object key and ETag of the source; the ETag is set when `ready`. */
    key: text("key").notNull(),
    etag: text("etag"),
    /** JSON of `VideoMetadata`, or null. */
    metadata: text("metadata"),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [index("videos_by_account").on(table.accountId, table.id)],
);

export const uploads = sqliteTable(
  "uploads",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    videoId: text("video_id").notNull(),
    /** The store's id of the multipart upload; null while a streamed one has needed none yet. */
    storeUploadId: text("store_upload_id"),
    filename: text("filename").notNull(),
    size: integer("size").notNull(),
    partSize: integer("part_size").notNull(),
    /** `streamed`: sent in one request, and no client knows this row; it is what a crash leaves to be swept. */
    mode: text("mode", { enum: ["proxied", "direct", "streamed"] }).notNull(),
    /** `completing` holds the claim of the one caller that finishes it; `rejected` remembers why for its repeats. */
    state: text("state", { enum: ["open", "completing", "completed", "rejected"] }).notNull(),
    /** When the claim was taken: its token, and what tells a claim that a crash left behind. */
    claimedAt: integer("claimed_at"),
    /** JSON of `{code, detail}` when rejected. */
    rejection: text("rejection"),
    metadata: text("metadata"),
    /** Of an upload sent as one stream: how many bytes from its beginning are stored (`appends.ts`). */
    received: integer("received").notNull().default(0),
    /** Where those of them lie that do not fill a part; null when there are none. */
    tail: text("tail"),
    /** Token of the request that may append. */
    writer: text("writer"),
    createdAt: integer("created_at").notNull(),
    /** From then on it is gone; a deletion sets it to 0 first, so that the sweep ends what a crash interrupts. */
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [
    index("uploads_by_expiry").on(table.state, table.expiresAt),
    index("uploads_by_video").on(table.videoId),
  ],
);

/** Parts as the store acknowledged them: neither R2's binding nor its local S3 endpoint can list parts. */
export const uploadParts = sqliteTable(
  "upload_parts",
  {
    uploadId: text("upload_id").notNull(),
    partNumber: integer("part_number").notNull(),
    etag: text("etag").notNull(),
    size: integer("size").notNull(),
    recordedAt: integer("recorded_at").notNull(),
    /** JSON array: ETags of writes that overlapped with the one recorded; the store kept one of them all. */
    rivals: text("rivals").notNull().default("[]"),
  },
  (table) => [primaryKey({ columns: [table.uploadId, table.partNumber] })],
);

/** Objects to delete: written with the row's deletion, removed once the store has deleted them. */
export const doomedObjects = sqliteTable("doomed_objects", {
  key: text("key").primaryKey(),
  createdAt: integer("created_at").notNull(),
});

/** Objects cannot be enumerated: this is the list of pools and how many shards each has. */
export const pools = sqliteTable(
  "pools",
  {
    accountId: text("account_id").notNull(),
    name: text("name").notNull(),
    shards: integer("shards").notNull().default(1),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.name] })],
);

/**
 * Every job's acceptance and last known state. The insert is acceptance; after it only the pool's outbox
 * writes here, by updates guarded with `revision < ?`.
 */
export const jobs = sqliteTable(
  "jobs",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    pool: text("pool").notNull(),
    shard: integer("shard").notNull(),
    videoId: text("video_id"),
    specHash: text("spec_hash").notNull(),
    submission: text("submission", { mode: "json" }).$type<JobSubmission>().notNull(),
    state: text("state").notNull(),
    revision: integer("revision").notNull(),
    /** JSON of the pool's snapshot (`JobSnapshot`) at `revision`; null until the first projection. */
    snapshot: text("snapshot"),
    createdAt: integer("created_at").notNull(),
    completedAt: integer("completed_at"),
  },
  (table) => [
    index("jobs_by_account").on(table.accountId, table.id),
    index("jobs_by_state").on(table.accountId, table.state, table.id),
    index("jobs_by_video").on(table.accountId, table.videoId, table.id),
    index("jobs_unprojected").on(table.createdAt).where(sql`${table.revision} = 0`),
    index("jobs_by_end").on(table.accountId, table.pool, table.completedAt, table.shard),
  ],
);

/** Of a divided job that makes playlists: what they follow. Goes with the job. */
export const jobPlans = sqliteTable("job_plans", {
  jobId: text("job_id").primaryKey(),
  run: integer("run").notNull(),
  /** JSON of `PlannedParts`. */
  plan: text("plan").notNull(),
});

/** Accepted files of such a job, by the name that playlists give them. Written once each, and gone with the job. */
export const jobParts = sqliteTable(
  "job_parts",
  {
    jobId: text("job_id").notNull(),
    run: integer("run").notNull(),
    name: text("name").notNull(),
    kind: text("kind", { enum: ["chunk", "audio"] }).notNull(),
    /** Null for what belongs to no chunk. */
    chunk: integer("chunk"),
    rendition: text("rendition").notNull(),
    key: text("key").notNull(),
    etag: text("etag").notNull(),
    sizeBytes: integer("size_bytes").notNull(),
    contentType: text("content_type").notNull(),
    /** JSON of the file's `RenditionIndex`. */
    mediaIndex: text("media_index").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.jobId, table.run, table.name] }),
    index("job_parts_by_rendition").on(table.jobId, table.run, table.rendition, table.chunk),
  ],
);

/** Who is doing this work now: refuses duplicates, and keeps a video from being deleted under its job. */
export const activeWork = sqliteTable(
  "active_work",
  {
    accountId: text("account_id").notNull(),
    specHash: text("spec_hash").notNull(),
    jobId: text("job_id").notNull().unique(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.specHash] })],
);

/** The videos a live job reads; rows go with the claim in `active_work`. */
export const activeInputs = sqliteTable(
  "active_inputs",
  {
    videoId: text("video_id").notNull(),
    jobId: text("job_id").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.videoId, table.jobId] }),
    index("active_inputs_by_job").on(table.jobId),
  ],
);

export const presets = sqliteTable(
  "presets",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    name: text("name").notNull(),
    description: text("description"),
    /** JSON: `{name, ...parameters}`. */
    recipe: text("recipe").notNull(),
    outputFormat: text("output_format"),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [index("presets_by_account").on(table.accountId, table.id)],
);

export const webhookEndpoints = sqliteTable(
  "webhook_endpoints",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    url: text("url").notNull(),
    events: text("events", { mode: "json" }).$type<string[]>().notNull(),
    description: text("description"),
    secretVersion: integer("secret_version").notNull().default(1),
    secretRotatedAt: integer("secret_rotated_at"),
    state: text("state", { enum: ["enabled", "disabled"] }).notNull(),
    disabledReason: text("disabled_reason"),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [index("webhook_endpoints_by_account").on(table.accountId, table.id)],
);

/** The truth of a delivery: queue messages are only wake-ups. The id derives from event and target. */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    jobId: text("job_id"),
    /** Null for a job's own `webhookUrl`. */
    webhookId: text("webhook_id"),
    url: text("url").notNull(),
    type: text("type").notNull(),
    /** Of the job, or of the request for a test: its tries are logged under it. */
    traceId: text("trace_id"),
    /** Host of this service as the client knew it: never a target. */
    ownHost: text("own_host").notNull(),
    /** The exact body, signed as it is at each try. */
    body: text("body").notNull(),
    state: text("state", { enum: ["pending", "delivered", "failed"] }).notNull(),
    tries: integer("tries").notNull().default(0),
    /** Tries it may have in all; a redelivery raises it. */
    maxTries: integer("max_tries").notNull(),
    /** When it is due; a claim moves it ahead by the visibility timeout. */
    nextAt: integer("next_at").notNull(),
    /** Null, or WEBHOOK_DELIVERY_FAILED. */
    code: text("code"),
    createdAt: integer("created_at").notNull(),
    completedAt: integer("completed_at"),
  },
  (table) => [
    index("webhook_deliveries_due").on(table.state, table.nextAt),
    index("webhook_deliveries_by_account").on(table.accountId, table.id),
    index("webhook_deliveries_by_job").on(table.jobId, table.id),
  ],
);

/** The log: one row for each try. */
export const webhookTries = sqliteTable(
  "webhook_tries",
  {
    deliveryId: text("delivery_id").notNull(),
    try: integer("try").notNull(),
    startedAt: integer("started_at").notNull(),
    durationMs: integer("duration_ms").notNull(),
    /** HTTP status, or null when there was no answer; `error` then says why. */
    status: integer("status"),
    error: text("error"),
  },
  (table) => [primaryKey({ columns: [table.deliveryId, table.try] })],
);

/** How tries ended since the account's first, for metrics: rows of the log go after a while, counters only grow. */
export const webhookOutcomes = sqliteTable(
  "webhook_outcomes",
  {
    accountId: text("account_id").notNull(),
    /** `again`: failed, and to be tried once more; `failed`: was the last. */
    outcome: text("outcome", { enum: ["delivered", "again", "failed"] }).notNull(),
    tries: integer("tries").notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.outcome] })],
);

/** A worker is its token: made with it, shown in lists with what its last `hello` said. */
export const workers = sqliteTable(
  "workers",
  {
    id: text("id").primaryKey(),
    accountId: text("account_id").notNull(),
    pool: text("pool").notNull(),
    name: text("name").notNull(),
    /** SHA-256 of the token, hex. */
    tokenHash: text("token_hash").notNull().unique(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
    revokedAt: integer("revoked_at"),
    /** Of its pool, where its socket last went. */
    shard: integer("shard").notNull().default(0),
    /** Where its next socket goes instead of its own shard, which can do without it; null for nowhere. */
    lentTo: integer("lent_to"),
    /** JSON of the last `hello` (slots, capabilities), and when. */
    lastHello: text("last_hello"),
    lastSeenAt: integer("last_seen_at"),
  },
  (table) => [
    index("workers_by_account").on(table.accountId, table.id),
    index("workers_by_shard")
      .on(table.accountId, table.pool, table.shard)
      .where(isNull(table.revokedAt)),
  ],
);

export const idempotency = sqliteTable(
  "idempotency",
  {
    accountId: text("account_id").notNull(),
    key: text("key").notNull(),
    /** SHA-256 of method, path and body. */
    requestHash: text("request_hash").notNull(),
    /** Of a file that was streamed: known only once it has arrived (`file-fingerprint.ts`). */
    fingerprint: text("fingerprint"),
    /** Null while the first request is still being answered. */
    status: integer("status"),
    answer: text("answer"),
    createdAt: integer("created_at").notNull(),
    /** When the request that answers it began: later than `created_at` if an earlier one died. */
    claimedAt: integer("claimed_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.key] }),
    index("idempotency_by_age").on(table.createdAt),
  ],
);
