/** Bindings and settings, parsed once per isolate into a typed object. */
import { z } from "zod";
import { MAX_TIMEOUT_SECONDS } from "../protocol/http/common.ts";
import type { SettingName } from "../protocol/settings.ts";
import type { Pool } from "./pool/pool.ts";

/** What `wrangler.toml` binds. Variables and secrets stay unread until `parseSettings`. */
export interface Env {
  readonly DB: D1Database;
  readonly MEDIA: R2Bucket;
  readonly POOL: DurableObjectNamespace<Pool>;
  readonly WEBHOOK_QUEUE: Queue<{ readonly deliveryId: string }>;
  /** The dashboard's files; absent where it was not built. */
  readonly ASSETS?: Fetcher;
  /** Optional: without it requests are not limited. */
  readonly RATE_LIMITER?: {
    limit(of: { readonly key: string }): Promise<{ readonly success: boolean }>;
  };
  readonly [setting: string]: unknown;
}

const wholeNumber = (name: string, fallback: number, min: number, max: number) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === "") return fallback;
      const value = Number(text);
      if (!/^\d+$/.test(text) || value < min || value > max) {
        context.addIssue({
          code: "custom",
          message: `${name} must be a whole number from ${min} to ${max}, not '${text}'`,
        });
        return z.NEVER;
      }
      return value;
    });

const flag = (name: string) =>
  z
    .enum(["true", "false", ""], { error: `${name} must be 'true' or 'false'` })
    .optional()
    .transform((text) => text === "true");

const secret = (name: string) =>
  z
    .string({ error: `${name} is not set` })
    .min(16, { error: `${name} must be at least 16 characters long` });

const settingsSchema = z
  .object({
    ROOT_API_KEY: secret("ROOT_API_KEY"),
    SIGNING_SECRET: secret("SIGNING_SECRET"),
    MAX_FILE_SIZE_MB: wholeNumber("MAX_FILE_SIZE_MB", 1000, 1, 900_000),
    PROCESSING_TIMEOUT_SECONDS: wholeNumber(
      "PROCESSING_TIMEOUT_SECONDS",
      3600,
      1,
      MAX_TIMEOUT_SECONDS,
    ),
    LEASE_TTL_SECONDS: wholeNumber("LEASE_TTL_SECONDS", 30, 1, 3600),
    RECONNECT_GRACE_SECONDS: wholeNumber("RECONNECT_GRACE_SECONDS", 10, 1, 3600),
    MAX_ATTEMPTS: wholeNumber("MAX_ATTEMPTS", 3, 1, 20),
    WEBHOOK_MAX_RETRIES: wholeNumber("WEBHOOK_MAX_RETRIES", 3, 0, 20),
    JOB_RETENTION_DAYS: wholeNumber("JOB_RETENTION_DAYS", 30, 1, 3650),
    OUTPUT_URL_TTL_SECONDS: wholeNumber("OUTPUT_URL_TTL_SECONDS", 86_400, 1, 604_800),
    ALLOW_INSECURE_WEBHOOKS: flag("ALLOW_INSECURE_WEBHOOKS"),
    ALLOW_PRIVATE_INPUTS: flag("ALLOW_PRIVATE_INPUTS"),
    R2_ACCOUNT_ID: z.string().optional(),
    R2_ACCESS_KEY_ID: z.string().optional(),
    R2_SECRET_ACCESS_KEY: z.string().optional(),
    S3_ENDPOINT: z
      .url({ protocol: /^https?$/, error: "S3_ENDPOINT must be a URL that begins with http(s)://" })
      .optional(),
    S3_BUCKET: z.string().min(1).default("telecine-media"),
    S3_REGION: z.string().min(1).default("auto"),
  } satisfies Record<SettingName, z.ZodType>)
  .superRefine((settings, context) => {
    const any = settings.R2_ACCESS_KEY_ID ?? settings.R2_SECRET_ACCESS_KEY;
    if (any === undefined) return;
    for (const name of ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"] as const) {
      if (!settings[name]) {
        context.addIssue({ code: "custom", message: `${name} is needed for direct mode` });
      }
    }
    if (!settings.S3_ENDPOINT && !settings.R2_ACCOUNT_ID) {
      context.addIssue({
        code: "custom",
        message: "R2_ACCOUNT_ID or S3_ENDPOINT is needed for direct mode",
      });
    }
  });

export interface Settings {
  readonly rootApiKey: string;
  readonly signingSecret: string;
  readonly maxFileSizeMb: number;
  readonly processingTimeoutSeconds: number;
  readonly leaseTtlSeconds: number;
  readonly reconnectGraceSeconds: number;
  readonly maxAttempts: number;
  readonly webhookMaxRetries: number;
  readonly jobRetentionDays: number;
  readonly outputUrlTtlSeconds: number;
  readonly allowInsecureWebhooks: boolean;
  readonly allowPrivateInputs: boolean;
  /** Credentials of the store's S3 API, or null: then bytes go through the Worker. */
  readonly direct: {
    readonly endpoint: string;
    readonly bucket: string;
    /** `auto` for R2. */
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  } | null;
}

export type SettingsResult =
  | { readonly status: "ok"; readonly settings: Settings }
  | { readonly status: "invalid"; readonly detail: string };

/**
 * Parses the settings (`protocol/settings.ts`). `detail` names each wrong one and its rule, never a value of a
 * secret. An empty string counts as not set.
 */
export function parseSettings(env: Readonly<Record<string, unknown>>): SettingsResult {
  const given = Object.fromEntries(
    Object.keys(settingsSchema.shape).flatMap((name) =>
      env[name] === undefined || env[name] === "" ? [] : [[name, env[name]]],
    ),
  );
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) {
    return { status: "invalid", detail: parsed.error.issues.map((i) => i.message).join("; ") };
  }
  const s = parsed.data;
  const direct =
    s.R2_ACCESS_KEY_ID && s.R2_SECRET_ACCESS_KEY
      ? {
          endpoint: s.S3_ENDPOINT ?? `https://${s.R2_ACCOUNT_ID}.r2.cloudflarestorage.com`,
          bucket: s.S3_BUCKET,
          region: s.S3_REGION,
          accessKeyId: s.R2_ACCESS_KEY_ID,
          secretAccessKey: s.R2_SECRET_ACCESS_KEY,
        }
      : null;
  return {
    status: "ok",
    settings: {
      rootApiKey: s.ROOT_API_KEY,
      signingSecret: s.SIGNING_SECRET,
      maxFileSizeMb: s.MAX_FILE_SIZE_MB,
      processingTimeoutSeconds: s.PROCESSING_TIMEOUT_SECONDS,
      leaseTtlSeconds: s.LEASE_TTL_SECONDS,
      reconnectGraceSeconds: s.RECONNECT_GRACE_SECONDS,
      maxAttempts: s.MAX_ATTEMPTS,
      webhookMaxRetries: s.WEBHOOK_MAX_RETRIES,
      jobRetentionDays: s.JOB_RETENTION_DAYS,
      outputUrlTtlSeconds: s.OUTPUT_URL_TTL_SECONDS,
      allowInsecureWebhooks: s.ALLOW_INSECURE_WEBHOOKS,
      allowPrivateInputs: s.ALLOW_PRIVATE_INPUTS,
      direct,
    },
  };
}
