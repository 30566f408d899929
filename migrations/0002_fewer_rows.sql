-- Rows written are billed, and an entry of an index is one. A table without a rowid needs no index for its primary key;
-- an index of what the sweep looks for is left alone by everything else.

DROP INDEX jobs_unprojected;

CREATE INDEX jobs_unprojected ON jobs (created_at) WHERE revision = 0;

CREATE TABLE claims (
  account_id text NOT NULL,
  spec_hash text NOT NULL,
  job_id text NOT NULL,
  PRIMARY KEY(account_id, spec_hash)
) WITHOUT ROWID;

INSERT INTO claims (account_id, spec_hash, job_id) SELECT account_id, spec_hash, job_id FROM active_work;

DROP TABLE active_work;

ALTER TABLE claims RENAME TO active_work;

CREATE UNIQUE INDEX active_work_job_id_unique ON active_work (job_id);

CREATE TABLE claimed_inputs (
  video_id text NOT NULL,
  job_id text NOT NULL,
  PRIMARY KEY(video_id, job_id)
) WITHOUT ROWID;

INSERT INTO claimed_inputs (video_id, job_id) SELECT video_id, job_id FROM active_inputs;

DROP TABLE active_inputs;

ALTER TABLE claimed_inputs RENAME TO active_inputs;

CREATE INDEX active_inputs_by_job ON active_inputs (job_id);
