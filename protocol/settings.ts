/** Settings of the edge (their meaning is in README.md): Worker variables and secrets, or the embedded edge's environment. */
export const settingNames = [
  "ROOT_API_KEY",
  "SIGNING_SECRET",
  "MAX_FILE_SIZE_MB",
  "PROCESSING_TIMEOUT_SECONDS",
  "LEASE_TTL_SECONDS",
  "RECONNECT_GRACE_SECONDS",
  "MAX_ATTEMPTS",
  "WEBHOOK_MAX_RETRIES",
  "JOB_RETENTION_DAYS",
  "OUTPUT_URL_TTL_SECONDS",
  "ALLOW_INSECURE_WEBHOOKS",
  "ALLOW_PRIVATE_INPUTS",
  "R2_ACCOUNT_ID",
  "R2_ACCESS_KEY_ID",
  "R2_SECRET_ACCESS_KEY",
  "S3_ENDPOINT",
  "S3_BUCKET",
  "S3_REGION",
] as const;
export type SettingName = (typeof settingNames)[number];
