/** The pool's own durations, in milliseconds, and what each is good for. */
import type { Rules } from "../domain/rules.ts";

export const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** A grant outlives its lease by this, so that the last bytes of a renewed attempt are not refused on the way. */
const GRANT_MARGIN_MS = 30 * SECOND_MS;

/** How often a busy agent reports: often enough to look alive, seldom enough for 500 agents on one object. */
const PROGRESS_INTERVAL_MS = 2 * SECOND_MS;

/** The same while somebody looks at its job: as often as an eye finds smooth enough. */
const WATCHED_INTERVAL_MS = 500;

/** Pings are answered by the runtime and cost nothing; proxies commonly close what is silent for a minute. */
export const PING_INTERVAL_MS = 20 * SECOND_MS;

/**
 * How long a drain of the outbox waits for more of the same: a job passes its first stages within that time, and
 * one that is over says so at once, unless there was a drain just before.
 */
export const DRAIN_SPACING_MS = 100;

/** When the alarm takes up what the prompt drain of the outbox should have delivered. */
export const OUTBOX_BACKSTOP_MS = 10 * SECOND_MS;

/** How often an alarm that waits for D1 or the store looks whether it is due again. */
export const PATIENCE_MS = 250;

/** Bytes that a slow writer left behind after the first collection are found by a second. */
export const SECOND_COLLECTION_MS = DAY_MS;

/** How often an attempt reports when nobody looks, and often enough to renew a short lease. */
export function progressIntervalMs(rules: Rules): number {
  return Math.min(PROGRESS_INTERVAL_MS, Math.ceil(rules.leaseTtlMs / 5));
}

/** How often an attempt reports while somebody looks at its job. */
export function watchedIntervalMs(rules: Rules): number {
  return Math.min(WATCHED_INTERVAL_MS, progressIntervalMs(rules));
}

/** How long a grant is good for. */
export function grantLifeMs(rules: Rules): number {
  return rules.leaseTtlMs + GRANT_MARGIN_MS;
}

/** When the last grant of an attempt that ended at `endedAt` is over, and its uploads in flight too. */
export function collectableAt(endedAt: number, rules: Rules): number {
  return endedAt + grantLifeMs(rules) + GRANT_MARGIN_MS;
}

export function retentionMs(settings: { readonly jobRetentionDays: number }): number {
  return settings.jobRetentionDays * DAY_MS;
}
