-- The record and the read model. Times are milliseconds since the epoch; JSON is text.


CREATE TABLE accounts (
  id text PRIMARY KEY NOT NULL,
  webhook_secret_version integer DEFAULT 1 NOT NULL,
  webhook_secret_rotated_at integer,
  created_at integer NOT NULL
);

CREATE TABLE active_inputs (
  video_id text NOT NULL,
  job_id text NOT NULL,
  PRIMARY KEY(video_id, job_id)
);

CREATE INDEX active_inputs_by_job ON active_inputs (job_id);

CREATE TABLE active_work (
  account_id text NOT NULL,
  spec_hash text NOT NULL,
  job_id text NOT NULL,
  PRIMARY KEY(account_id, spec_hash)
);

CREATE UNIQUE INDEX active_work_job_id_unique ON active_work (job_id);

CREATE TABLE api_keys (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  name text NOT NULL,
  hash text NOT NULL,
  scopes text NOT NULL,
  created_at integer NOT NULL,
  expires_at integer,
  revoked_at integer
);

CREATE UNIQUE INDEX api_keys_hash_unique ON api_keys (hash);

CREATE INDEX api_keys_by_account ON api_keys (account_id,id);

CREATE TABLE doomed_objects (
  key text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL
);

CREATE TABLE idempotency (
  account_id text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  fingerprint text,
  status integer,
  answer text,
  created_at integer NOT NULL,
  claimed_at integer NOT NULL,
  PRIMARY KEY(account_id, key)
);

CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE job_parts (
  job_id text NOT NULL,
  run integer NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  chunk integer,
  rendition text NOT NULL,
  key text NOT NULL,
  etag text NOT NULL,
  size_bytes integer NOT NULL,
  content_type text NOT NULL,
  media_index text NOT NULL,
  PRIMARY KEY(job_id, run, name)
);

CREATE INDEX job_parts_by_rendition ON job_parts (job_id,run,rendition,chunk);

CREATE TABLE job_plans (
  job_id text PRIMARY KEY NOT NULL,
  run integer NOT NULL,
  plan text NOT NULL
);

CREATE TABLE jobs (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  pool text NOT NULL,
  shard integer NOT NULL,
  video_id text,
  spec_hash text NOT NULL,
  submission text NOT NULL,
  state text NOT NULL,
  revision integer NOT NULL,
  snapshot text,
  created_at integer NOT NULL,
  completed_at integer
);

CREATE INDEX jobs_by_account ON jobs (account_id,id);

CREATE INDEX jobs_by_state ON jobs (account_id,state,id);

CREATE INDEX jobs_by_video ON jobs (account_id,video_id,id);

CREATE INDEX jobs_unprojected ON jobs (revision,created_at);

CREATE INDEX jobs_by_end ON jobs (account_id,pool,completed_at,shard);

CREATE TABLE pools (
  account_id text NOT NULL,
  name text NOT NULL,
  shards integer DEFAULT 1 NOT NULL,
  created_at integer NOT NULL,
  PRIMARY KEY(account_id, name)
);

CREATE TABLE presets (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  name text NOT NULL,
  description text,
  recipe text NOT NULL,
  output_format text,
  created_at integer NOT NULL,
  updated_at integer NOT NULL
);

CREATE INDEX presets_by_account ON presets (account_id,id);

CREATE TABLE upload_parts (
  upload_id text NOT NULL,
  part_number integer NOT NULL,
  etag text NOT NULL,
  size integer NOT NULL,
  recorded_at integer NOT NULL,
  rivals text DEFAULT '[]' NOT NULL,
  PRIMARY KEY(upload_id, part_number)
);

CREATE TABLE uploads (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  video_id text NOT NULL,
  store_upload_id text,
  filename text NOT NULL,
  size integer NOT NULL,
  part_size integer NOT NULL,
  mode text NOT NULL,
  state text NOT NULL,
  claimed_at integer,
  rejection text,
  metadata text,
  received integer DEFAULT 0 NOT NULL,
  tail text,
  writer text,
  created_at integer NOT NULL,
  expires_at integer NOT NULL
);

CREATE INDEX uploads_by_expiry ON uploads (state,expires_at);

CREATE INDEX uploads_by_video ON uploads (video_id);

CREATE TABLE videos (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  filename text NOT NULL,
  content_type text NOT NULL,
  size integer NOT NULL,
  state text NOT NULL,
  key text NOT NULL,
  etag text,
  metadata text,
  created_at integer NOT NULL
);

CREATE INDEX videos_by_account ON videos (account_id,id);

CREATE TABLE webhook_deliveries (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  job_id text,
  webhook_id text,
  url text NOT NULL,
  type text NOT NULL,
  trace_id text,
  own_host text NOT NULL,
  body text NOT NULL,
  state text NOT NULL,
  tries integer DEFAULT 0 NOT NULL,
  max_tries integer NOT NULL,
  next_at integer NOT NULL,
  code text,
  created_at integer NOT NULL,
  completed_at integer
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (state,next_at);

CREATE INDEX webhook_deliveries_by_account ON webhook_deliveries (account_id,id);

CREATE INDEX webhook_deliveries_by_job ON webhook_deliveries (job_id,id);

CREATE TABLE webhook_endpoints (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  url text NOT NULL,
  events text NOT NULL,
  description text,
  secret_version integer DEFAULT 1 NOT NULL,
  secret_rotated_at integer,
  state text NOT NULL,
  disabled_reason text,
  created_at integer NOT NULL
);

CREATE INDEX webhook_endpoints_by_account ON webhook_endpoints (account_id,id);

CREATE TABLE webhook_outcomes (
  account_id text NOT NULL,
  outcome text NOT NULL,
  tries integer NOT NULL,
  PRIMARY KEY(account_id, outcome)
);

CREATE TABLE webhook_tries (
  delivery_id text NOT NULL,
  try integer NOT NULL,
  started_at integer NOT NULL,
  duration_ms integer NOT NULL,
  status integer,
  error text,
  PRIMARY KEY(delivery_id, try)
);

CREATE TABLE workers (
  id text PRIMARY KEY NOT NULL,
  account_id text NOT NULL,
  pool text NOT NULL,
  name text NOT NULL,
  token_hash text NOT NULL,
  created_at integer NOT NULL,
  expires_at integer,
  revoked_at integer,
  shard integer DEFAULT 0 NOT NULL,
  lent_to integer,
  last_hello text,
  last_seen_at integer
);

CREATE UNIQUE INDEX workers_token_hash_unique ON workers (token_hash);

CREATE INDEX workers_by_account ON workers (account_id,id);

CREATE INDEX workers_by_shard ON workers (account_id,pool,shard) WHERE revoked_at IS NULL;

INSERT INTO accounts (id, created_at) VALUES ('default', 0);
