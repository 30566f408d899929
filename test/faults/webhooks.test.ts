/** A webhook sink at its worst: the schedule is kept, every try is in the log, and nothing is lost. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WebhookDelivery } from "../../protocol/http/webhooks.ts";
import { countOf, indices, isFullRun } from "./support/counts.ts";
import { report, spread } from "./support/figures.ts";
import { checkCompleted, persistently, transcodeJob, untilEnd } from "./support/jobs.ts";
import { type LightWorld, startLightWorld } from "./support/light-world.ts";
import { until } from "./support/processes.ts";
import { completeOf, uploadOutput } from "./support/protocol-agent.ts";
import { type Manner, type Sink, startSink } from "./support/sink.ts";

const EACH = countOf("TELECINE_FAULTS_HOOKS", { full: 4, smoke: 1 });
/** With the default of 3 the schedule is 5, 20 and 80 s, each up to halved: the long run waits for it. */
const RETRIES = isFullRun ? 3 : 1;
const FIRST_DELAY_MS = 5_000;
const GROWTH = 4;
/** A queue's delays are whole seconds, and its batches wait a moment; a sweep is needed for none of them. */
const LATE_MS = 5_000;
/** A wake-up may come this much before its time (`deliver.ts`). */
const EARLY_MS = 1_000;
const HANG_MS = 10_000;
const LIMIT_MS = (RETRIES + 1) * (HANG_MS + LATE_MS) + FIRST_DELAY_MS * GROWTH ** RETRIES;

/** What each manner has to lead to: the tries made, and what the log says of each. */
const expected: Record<Manner, { tries: number; status: number | null; error: RegExp | null }> = {
  ok: { tries: 1, status: 200, error: null },
  hang: { tries: RETRIES + 1, status: null, error: /no answer within 10 seconds/ },
  reset: { tries: RETRIES + 1, status: null, error: /connection failed/ },
  redirect: { tries: RETRIES + 1, status: 302, error: /redirects are not followed/ },
  gone: { tries: 1, status: 410, error: /HTTP 410/ },
  broken: { tries: RETRIES + 1, status: 500, error: /HTTP 500/ },
};
const manners = Object.keys(expected) as Manner[];

let world: LightWorld;
let sink: Sink;
beforeAll(async () => {
  [world, sink] = await Promise.all([
    startLightWorld({ WEBHOOK_MAX_RETRIES: String(RETRIES) }),
    startSink(),
  ]);
}, 120_000);
afterAll(async () => {
  await world.stop();
  await sink.stop();
}, 60_000);

/** Runs a job to its end, its event going to `webhookUrl`. */
async function completeJob(name: string, webhookUrl: string): Promise<string> {
  const { edge, videoId } = world;
  const agent = await world.connect(`for-${name}`);
  const { jobId } = await edge.client.createJob({ ...transcodeJob(videoId, name), webhookUrl });
  agent.send({ type: "pull", free: 1 });
  // Of jobs that wait at the same moment it may be another one's; each is taken by somebody.
  const lease = await agent.take("lease");
  agent.send(completeOf(lease, await uploadOutput(edge.url, lease, Buffer.from(name))));
  expect((await agent.take("ack")).status).toBe("accepted");
  agent.terminate();
  await untilEnd(edge.client, jobId);
  return jobId;
}

async function deliveryOf(jobId: string): Promise<WebhookDelivery | null> {
  const { deliveries } = await persistently(() =>
    world.edge.client.call<{ deliveries: WebhookDelivery[] }>(
      "GET",
      `/v1/webhooks/deliveries?jobId=${jobId}`,
    ),
  );
  expect(deliveries.length).toBeLessThanOrEqual(1);
  return deliveries[0] ?? null;
}

async function untilDelivery(
  jobId: string,
  what: string,
  satisfies: (delivery: WebhookDelivery) => boolean,
): Promise<WebhookDelivery> {
  let seen: WebhookDelivery | null = null;
  await until(
    `${what} of ${jobId}`,
    LIMIT_MS,
    async () => {
      seen = await deliveryOf(jobId);
      return seen !== null && satisfies(seen);
    },
    250,
  ).catch((error: unknown) => {
    throw new Error(`${error}: ${JSON.stringify(seen)}`);
  });
  return seen as unknown as WebhookDelivery;
}

/** How far each retry was from the middle of its time, in milliseconds; fails where one is outside. */
function checkSchedule({ log, deliveryId }: WebhookDelivery): number[] {
  return log.slice(1).map((entry, index) => {
    const before = log[index];
    if (before === undefined) throw new Error("a try without one before");
    const endedAt = Date.parse(before.startedAt) + before.durationMs;
    const waited = Date.parse(entry.startedAt) - endedAt;
    const full = FIRST_DELAY_MS * GROWTH ** index;
    const about = `${deliveryId}, try ${entry.try}`;
    expect(waited, about).toBeGreaterThanOrEqual(full / 2 - EARLY_MS);
    expect(waited, about).toBeLessThanOrEqual(full + LATE_MS);
    return Math.max(0, waited - full);
  });
}

test(
  "sinks that hang, reset, redirect, answer 410 and 500 get every try at its time, and their events once they are mended",
  async () => {
    const { client } = world.edge;
    const late: number[] = [];
    let tries = 0;
    const cases = manners.flatMap((manner) =>
      indices(EACH).map((index) => ({ manner, name: `${manner}-${index}` })),
    );
    await Promise.all(
      cases.map(async ({ manner, name }) => {
        const { tries: wanted, status, error } = expected[manner];
        const jobId = await completeJob(name, sink.url(name, manner));
        const ended = await untilDelivery(jobId, "the end", ({ state }) => state !== "pending");
        expect(
          ended.log.map((entry) => entry.try),
          name,
        ).toEqual(indices(wanted).map((n) => n + 1));
        for (const entry of ended.log) {
          expect(entry.status, `${name}: ${entry.error}`).toBe(status);
          if (error !== null) expect(entry.error).toMatch(error);
        }
        tries += ended.log.length;
        late.push(...checkSchedule(ended));
        const isDelivered = manner === "ok";
        expect(ended).toMatchObject({
          state: isDelivered ? "delivered" : "failed",
          code: isDelivered ? null : "WEBHOOK_DELIVERY_FAILED",
        });
        // The job is none the worse for it, and the event is still there to be sent.
        await checkCompleted(client, jobId);
        if (!isDelivered) {
          sink.mend(name);
          const route = `/v1/webhooks/deliveries/${ended.deliveryId}/redeliver`;
          await client.call("POST", route);
          await untilDelivery(jobId, "the redelivery", ({ state }) => state === "delivered");
        }
        const taken = sink.taken.filter((hook) => hook.jobId === jobId);
        expect(taken.map(({ id, type }) => ({ id, type }))).toEqual([
          { id: ended.deliveryId, type: "job.completed" },
        ]);
      }),
    );
    expect(sink.received.filter((hook) => hook.path === "/elsewhere")).toEqual([]);
    report("webhook sinks that hang, reset, redirect, answer 410 and 500", {
      deliveries: cases.length,
      tries,
      lost: 0,
      ...spread("retry_late_by", late),
    });
  },
  60_000 + 2 * LIMIT_MS,
);

test("deliveries that were waiting for a retry when the edge was killed are made after its restart", async () => {
  const names = indices(EACH).map((index) => `restart-${index}`);
  const jobs = await Promise.all(
    names.map(async (name) => {
      const jobId = await completeJob(name, sink.url(name, "broken"));
      await untilDelivery(jobId, "the first try", ({ log }) => log.length > 0);
      return jobId;
    }),
  );
  await world.edge.kill();
  for (const name of names) sink.mend(name);
  await world.edge.startAgain();
  for (const jobId of jobs) {
    const delivery = await untilDelivery(jobId, "the delivery", ({ state }) => state !== "pending");
    expect(delivery.state).toBe("delivered");
  }
  report("edge killed while deliveries wait for a retry", { deliveries: EACH, lost: 0 });
}, 180_000);
