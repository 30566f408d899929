/** From what pools and the catalogue count to Prometheus' families. Pure. */
import type { PoolShard, WebhookCounts } from "../catalogue/metrics.ts";
import type { PoolMetrics } from "../pool/rpc.ts";
import type { Family, Sample } from "./prometheus.ts";

/** A shard, and what it answered; null when it did not. */
export interface ScrapedShard {
  readonly shard: PoolShard;
  readonly metrics: PoolMetrics | null;
}

type Answered = ScrapedShard & { readonly metrics: PoolMetrics };

const labelsOf = ({ shard }: ScrapedShard) => ({
  account: shard.accountId,
  pool: shard.pool,
  shard: shard.shard,
});

/** @param now milliseconds since the epoch. */
export function poolFamilies(scraped: readonly ScrapedShard[], now: number): readonly Family[] {
  const answered = scraped.filter((one): one is Answered => one.metrics !== null);
  const gauge = (name: string, help: string, value: (metrics: PoolMetrics) => number): Family => ({
    name,
    type: "gauge",
    help,
    samples: answered.map((one) => ({ labels: labelsOf(one), value: value(one.metrics) })),
  });
  return [
    {
      name: "telecine_pool_up",
      type: "gauge",
      help: "Whether the pool answered this scrape.",
      samples: scraped.map((one) => ({
        labels: labelsOf(one),
        value: one.metrics === null ? 0 : 1,
      })),
    },
    gauge("telecine_tasks_ready", "Tasks that wait for a worker.", ({ ready }) => ready),
    gauge(
      "telecine_queue_oldest_seconds",
      "How long the first of the waiting tasks has waited; 0 when none waits.",
      ({ oldestQueuedAt }) =>
        oldestQueuedAt === null ? 0 : Math.max(0, now - oldestQueuedAt) / 1000,
    ),
    gauge("telecine_tasks_leased", "Tasks that a worker runs.", ({ leased }) => leased),
    gauge(
      "telecine_tasks_verifying",
      "Tasks whose outputs are being checked.",
      ({ verifying }) => verifying,
    ),
    gauge(
      "telecine_workers_connected",
      "Workers with a socket.",
      ({ workersConnected }) => workersConnected,
    ),
    gauge("telecine_worker_slots", "Encoder sessions of connected workers.", ({ slots }) => slots),
    gauge("telecine_worker_slots_busy", "Those of them in use.", ({ slotsBusy }) => slotsBusy),
    gauge(
      "telecine_outbox_entries",
      "Transitions that the record and webhooks have not been told yet.",
      ({ outboxEntries }) => outboxEntries,
    ),
    ...counterFamilies(answered),
  ];
}

function counterFamilies(answered: readonly Answered[]): readonly Family[] {
  const attempts = answered.flatMap((one) =>
    one.metrics.counters.attempts.map(({ state, kind, encoder, ...counted }) => ({
      labels: { ...labelsOf(one), state, kind, encoder: encoder ?? "none" },
      counted,
    })),
  );
  const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name,
    type: "counter",
    help,
    samples,
  });
  return [
    counter(
      "telecine_jobs_total",
      "Runs of jobs that ended, by state.",
      answered.flatMap((one) =>
        Object.entries(one.metrics.counters.jobs).map(([state, value]) => ({
          labels: { ...labelsOf(one), state },
          value,
        })),
      ),
    ),
    counter(
      "telecine_attempts_total",
      "Attempts that ended, by how (state 'expired': a lease that was not renewed), kind of task and encoder.",
      attempts.map(({ labels, counted }) => ({ labels, value: counted.count })),
    ),
    counter(
      "telecine_attempt_seconds_total",
      "From lease to end of those attempts.",
      attempts.map(({ labels, counted }) => ({ labels, value: counted.seconds })),
    ),
    counter(
      "telecine_media_seconds_total",
      "Length of what completed attempts made; its rate over that of their seconds is the encode speed.",
      attempts
        .filter(({ labels }) => labels.state === "completed")
        .map(({ labels, counted }) => ({ labels, value: counted.mediaSeconds })),
    ),
  ];
}

/** @param now milliseconds since the epoch. */
export function webhookFamilies(
  { outcomes, pending }: WebhookCounts,
  now: number,
): readonly Family[] {
  const { deliveries, firstDueAt } = pending;
  const overdue = firstDueAt === null ? 0 : Math.max(0, now - firstDueAt) / 1000;
  return [
    {
      name: "telecine_webhook_tries_total",
      type: "counter",
      help: "Tries of webhook deliveries, by outcome: delivered, again (failed, to be tried again), failed (the last).",
      samples: outcomes.map(({ accountId, outcome, tries }) => ({
        labels: { account: accountId, outcome },
        value: tries,
      })),
    },
    {
      name: "telecine_webhook_deliveries_pending",
      type: "gauge",
      help: "Deliveries that wait for a try.",
      samples: [{ labels: {}, value: deliveries }],
    },
    {
      name: "telecine_webhook_overdue_seconds",
      type: "gauge",
      help: "How long the first of them is overdue; 0 when none is.",
      samples: [{ labels: {}, value: overdue }],
    },
  ];
}
