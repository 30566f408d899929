/** What is refused of a job's request by this server's settings and record, beyond what its schema says. */
import ipaddr from "ipaddr.js";
import type { JobSource, ParsedJobRequest } from "../../protocol/http/job-request.ts";
import { sourceUrlRule } from "../../protocol/source-url.ts";
import { DEFAULT_POOL, listPools } from "../catalogue/pools.ts";
import type { Env, Settings } from "../env.ts";
import { checkWebhookUrl } from "../webhooks/url-rules.ts";
import { ApiError } from "./errors.ts";
import { Remembered } from "./remembered.ts";

/** So many pools are named to a client that misspelt one. */
const MAX_POOLS_NAMED = 20;

/** Pools that are there, by `account/pool`: none ever goes. */
const remembered = new Remembered<true>(1_000);

const invalid = (detail: string) => new ApiError("VALIDATION_ERROR", detail);

/** @throws ApiError VALIDATION_ERROR for a `timeoutSeconds` over the ceiling. */
export function checkTimeout(timeoutSeconds: number | undefined, settings: Settings): void {
  const ceiling = settings.processingTimeoutSeconds;
  if (timeoutSeconds !== undefined && timeoutSeconds > ceiling) {
    throw invalid(`timeoutSeconds must be at most ${ceiling}`);
  }
}

function checkSourceUrl(field: string, text: string, settings: Settings): void {
  if (!URL.canParse(text)) throw invalid(`${field} must be a URL`);
  const rule = sourceUrlRule(new URL(text), {
    allowLoopback: settings.allowPrivateInputs,
    rangeOf: (host) => (ipaddr.isValid(host) ? ipaddr.process(host).range() : null),
  });
  if (rule !== null) throw invalid(`${field} ${rule}`);
}

function namedSources(request: ParsedJobRequest): [field: string, source: JobSource][] {
  const named = Object.entries(request.input_files ?? {}).map(
    ([key, source]): [string, JobSource] => [`input_files.${key}`, source],
  );
  return request.input === undefined ? named : [["input", request.input], ...named];
}

/**
 * @throws ApiError VALIDATION_ERROR for a source, a webhook or a limit that only this server's settings can
 *   refuse.
 */
export function checkAgainstSettings(
  request: ParsedJobRequest,
  context: { readonly settings: Settings; readonly origin: string },
): void {
  const { settings } = context;
  checkTimeout(request.timeoutSeconds, settings);
  for (const [field, { url }] of namedSources(request)) {
    if (url !== undefined) checkSourceUrl(`${field}.url`, url, settings);
  }
  if (request.webhookUrl === undefined) return;
  const verdict = checkWebhookUrl(request.webhookUrl, {
    allowInsecure: settings.allowInsecureWebhooks,
    ownHosts: [new URL(context.origin).host],
  });
  if (verdict.status === "refused") throw invalid(`webhookUrl ${verdict.rule}`);
}

/**
 * A misspelt pool would keep its job waiting for workers that never come. A pool exists from its first worker
 * token on, and stays; `default` is always there.
 *
 * @throws ApiError VALIDATION_ERROR that names the pools there are.
 */
export async function checkPool(env: Env, accountId: string, pool: string): Promise<void> {
  const name = `${accountId}/${pool}`;
  if (pool === DEFAULT_POOL || remembered.get(env.DB, name)) return;
  const known = await listPools(env.DB, accountId, pool, MAX_POOLS_NAMED);
  if (known.includes(pool)) return remembered.set(env.DB, name, true);
  const names = [...new Set([DEFAULT_POOL, ...known])].map((name) => `'${name}'`).join(", ");
  throw invalid(`pool must be one of ${names}: a pool is made by its first worker token`);
}
