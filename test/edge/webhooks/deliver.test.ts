import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  findDelivery,
  listDeliveries,
  settleTry,
  triesOf,
} from "../../../edge/catalogue/webhook-deliveries.ts";
import {
  type EndpointRow,
  findEndpoint,
  insertEndpoint,
  rotateEndpointSecret,
} from "../../../edge/catalogue/webhook-endpoints.ts";
import { newId } from "../../../edge/ids.ts";
import { sweepDeliveries } from "../../../edge/webhooks/consume.ts";
import { type DeliverDeps, deliver } from "../../../edge/webhooks/deliver.ts";
import { createTargeting, type JobEvent, recordFor } from "../../../edge/webhooks/record.ts";
import { webhookSecret } from "../../../edge/webhooks/secrets.ts";
import { isId } from "../../../protocol/ids.ts";
import { testEnv } from "../http/harness.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SIGNING_SECRET = "test-signing-secret-0123456789";

interface Sent {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A world of one account, with a clock and a consumer that answers as told. */
function world() {
  const accountId = `acct-${crypto.randomUUID()}`;
  const sent: Sent[] = [];
  const woken: { deliveryId: string; delaySeconds: number | null }[] = [];
  let now = Date.now();
  let answer: () => Promise<Response> = async () => new Response("ok");
  const queue = {
    send: async (body: { deliveryId: string }, options?: { delaySeconds?: number }) => {
      woken.push({ ...body, delaySeconds: options?.delaySeconds ?? null });
    },
    sendBatch: async (messages: Iterable<{ body: { deliveryId: string } }>) => {
      for (const { body } of messages) woken.push({ ...body, delaySeconds: null });
    },
  } as unknown as DeliverDeps["queue"];
  const deps: DeliverDeps = {
    db: testEnv.DB,
    queue,
    settings: { signingSecret: SIGNING_SECRET, allowInsecureWebhooks: false },
    fetch: async (url, init) => {
      sent.push({ url, headers: new Headers(init.headers), body: String(init.body) });
      return answer();
    },
    now: () => now,
    random: () => 0,
  };
  const event = (over: Partial<JobEvent> = {}): JobEvent => ({
    eventId: `${newId("job", now)}.7`,
    accountId,
    jobId: newId("job", now),
    traceId: TRACE_ID,
    type: "job.completed",
    timestamp: now,
    data: { jobId: "job_x", state: "completed" },
    webhookUrl: "https://example.com/hook",
    origin: "https://telecine.test",
    ...over,
  });
  const record = async (over: Partial<JobEvent> = {}) => {
    const recorded = event(over);
    const targets = await createTargeting(testEnv.DB)(recorded);
    const recording = { db: testEnv.DB, queue, settings: { webhookMaxRetries: 3 }, now };
    await recordFor(recording, recorded, targets);
  };
  const endpoint = async (over: Partial<EndpointRow> = {}): Promise<EndpointRow> => {
    const row: EndpointRow = {
      id: newId("webhook", now),
      accountId,
      url: "https://endpoint.example.com/",
      events: ["job.completed"],
      description: null,
      secretVersion: 1,
      secretRotatedAt: null,
      state: "enabled",
      disabledReason: null,
      createdAt: now,
      ...over,
    };
    await insertEndpoint(testEnv.DB, row);
    return row;
  };
  return {
    accountId,
    sent,
    woken,
    deps,
    record,
    endpoint,
    answerWith: (make: () => Promise<Response>) => {
      answer = make;
    },
    pass: (ms: number) => {
      now += ms;
    },
    now: () => now,
    deliveries: () =>
      listDeliveries(
        testEnv.DB,
        accountId,
        { jobId: undefined, webhookId: undefined },
        { limit: 50, before: null },
      ),
  };
}

/** Delivers every wake-up so far, at its time. */
async function consumeAll(w: ReturnType<typeof world>): Promise<void> {
  for (let next = w.woken.shift(); next; next = w.woken.shift()) {
    w.pass((next.delaySeconds ?? 0) * 1000);
    await deliver(w.deps, next.deliveryId);
  }
}

/** D1 takes no statement of this kind. */
function failStatements(kind: RegExp) {
  const { prepare } = testEnv.DB;
  return vi.spyOn(testEnv.DB, "prepare").mockImplementation((sql) => {
    if (kind.test(sql)) throw new Error("D1_ERROR: storage timed out");
    return prepare.call(testEnv.DB, sql);
  });
}

let w: ReturnType<typeof world>;
beforeEach(() => {
  w = world();
});

describe("a delivery", () => {
  test("is verified by the standardwebhooks package, unchanged", async () => {
    await w.record();
    await consumeAll(w);
    const [first] = w.sent;
    if (!first) throw new Error("nothing was sent");
    const owner = { kind: "account" as const, id: w.accountId };
    const secret = await webhookSecret(SIGNING_SECRET, owner, 1);
    const verified = new Webhook(secret).verify(first.body, Object.fromEntries(first.headers));
    expect(verified).toMatchObject({ type: "job.completed", data: { state: "completed" } });
    const tampered = first.body.replace("completed", "cancelled");
    expect(() => new Webhook(secret).verify(tampered, Object.fromEntries(first.headers))).toThrow();
  });

  test("is made once for an event that is recorded twice, under one id", async () => {
    const eventId = `${newId("job", w.now())}.3`;
    await w.record({ eventId });
    await w.record({ eventId });
    const rows = await w.deliveries();
    expect(rows).toHaveLength(1);
    expect(isId("delivery", rows[0]?.id ?? "")).toBe(true);
    await consumeAll(w);
    expect(w.sent).toHaveLength(1);
  });

  test("is tried again after 5xx, redirects, resets and hangs: four tries under one id, then it has failed", async () => {
    const answers = [
      async () => new Response("down", { status: 503 }),
      async () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } }),
      async () => Promise.reject(new TypeError("connection reset")),
      async () => Promise.reject(new DOMException("timed out", "TimeoutError")),
    ];
    w.answerWith(() => (answers.shift() ?? (async () => new Response("ok")))());
    await w.record();
    await consumeAll(w);
    const [row] = await w.deliveries();
    expect(row).toMatchObject({ state: "failed", tries: 4, code: "WEBHOOK_DELIVERY_FAILED" });
    expect(new Set(w.sent.map(({ headers }) => headers.get("webhook-id")))).toEqual(
      new Set([row?.id]),
    );
    const log = await triesOf(testEnv.DB, [row?.id ?? ""]);
    expect(log.map(({ status, error }) => [status, error])).toEqual([
      [503, "HTTP 503: success is a 2xx."],
      [302, "HTTP 302: redirects are not followed."],
      [null, "The connection failed: connection reset"],
      [null, "There was no answer within 10 seconds."],
    ]);
  });

  test("counts how each try ended, and one that is written down twice once", async () => {
    w.answerWith(async () => new Response("down", { status: 503 }));
    await w.record();
    await consumeAll(w);
    const [row] = await w.deliveries();
    const [first] = await triesOf(testEnv.DB, [row?.id ?? ""]);
    if (first === undefined) throw new Error("no try");
    await settleTry(testEnv.DB, first, { status: "again", nextAt: w.now() });
    const { results } = await testEnv.DB.prepare(
      "select outcome, tries from webhook_outcomes where account_id = ? order by outcome",
    )
      .bind(w.accountId)
      .all();
    expect(results).toEqual([
      { outcome: "again", tries: 3 },
      { outcome: "failed", tries: 1 },
    ]);
  });

  test("logs each try under the job and its trace, one that could not be written down, too", async () => {
    const logs = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    w.answerWith(async () => new Response("", { status: 503 }));
    await w.record();
    const deliveryId = w.woken[0]?.deliveryId ?? "";
    const random = () => {
      throw new Error("killed");
    };
    await deliver({ ...w.deps, random }, deliveryId);
    w.pass(60_000);
    await deliver(w.deps, deliveryId);
    const lines = [errors, logs].map(({ mock }) => mock.calls.map(([line]) => JSON.parse(line)));
    vi.restoreAllMocks();
    const ids = { jobId: expect.stringMatching(/^job_/), traceId: TRACE_ID, deliveryId };
    expect(lines).toMatchObject([
      [{ event: "webhook_try_failed", ...ids, try: 1 }],
      [{ event: "webhook_tried", ...ids, try: 2, status: "failed", httpStatus: 503 }],
    ]);
  });

  test("uses up no try while the record fails before anything is sent", async () => {
    await w.record();
    const id = w.woken.splice(0)[0]?.deliveryId ?? "";
    // Whose secret signs it is looked up there.
    const broken = failStatements(/ "?accounts"? /);
    for (let tries = 0; tries < 5; tries++) {
      await expect(deliver(w.deps, id)).rejects.toThrow("D1_ERROR");
      w.pass(31_000);
    }
    broken.mockRestore();
    await deliver(w.deps, id);
    expect(w.sent).toHaveLength(1);
    expect((await w.deliveries())[0]).toMatchObject({ state: "delivered", tries: 1 });
  });

  test("that was taken is written down as delivered, and sent once, though D1 fails once after it", async () => {
    await w.record();
    const id = w.woken.splice(0)[0]?.deliveryId ?? "";
    const batch = testEnv.DB.batch;
    w.answerWith(async () => {
      vi.spyOn(testEnv.DB, "batch")
        .mockImplementation((statements) => batch.call(testEnv.DB, statements) as never)
        .mockRejectedValueOnce(new Error("D1_ERROR: storage timed out"));
      return new Response("ok");
    });
    await deliver(w.deps, id);
    vi.restoreAllMocks();
    w.pass(31_000);
    await deliver(w.deps, id);
    expect(w.sent).toHaveLength(1);
    expect((await w.deliveries())[0]).toMatchObject({ state: "delivered", tries: 1 });
  });

  test("honours Retry-After when it waits for the next try", async () => {
    w.answerWith(async () => new Response("", { status: 429, headers: { "retry-after": "120" } }));
    await w.record();
    const wakeUp = w.woken.shift();
    await deliver(w.deps, wakeUp?.deliveryId ?? "");
    expect(w.woken).toEqual([{ deliveryId: wakeUp?.deliveryId, delaySeconds: 120 }]);
    expect((await w.deliveries())[0]?.nextAt).toBe(w.now() + 120_000);
  });

  test("410 disables the endpoint and ends the delivery at once", async () => {
    const endpoint = await w.endpoint();
    w.answerWith(async () => new Response("gone", { status: 410 }));
    await w.record({ webhookUrl: null });
    await consumeAll(w);
    expect(w.sent).toHaveLength(1);
    expect((await w.deliveries())[0]?.state).toBe("failed");
    expect(await findEndpoint(testEnv.DB, w.accountId, endpoint.id)).toMatchObject({
      state: "disabled",
      disabledReason: "gone",
    });
    await w.record({ webhookUrl: null, eventId: `${newId("job", w.now())}.9` });
    expect(await w.deliveries()).toHaveLength(1);
  });

  test("two wake-ups make one try", async () => {
    await w.record();
    const id = w.woken[0]?.deliveryId ?? "";
    await Promise.all(Array.from({ length: 10 }, () => deliver(w.deps, id)));
    expect(w.sent).toHaveLength(1);
  });

  test("whose URL the rules no longer allow is refused without a connection", async () => {
    await w.record({ webhookUrl: "https://169.254.169.254/" });
    await consumeAll(w);
    expect(w.sent).toHaveLength(0);
    const [row] = await w.deliveries();
    const [log] = await triesOf(testEnv.DB, [row?.id ?? ""]);
    expect(row?.state).toBe("failed");
    expect(log?.error).toBe("The URL must name a host, not an IP address.");
  });

  test.each([
    [
      "x-telecine-unreachable",
      "connect ECONNREFUSED",
      "The connection failed: connect ECONNREFUSED",
    ],
    ["x-telecine-refused", "10.0.0.1 is private", "The address is refused: 10.0.0.1 is private."],
  ])(
    "that the embedded guard answers with %s had no status of its host",
    async (name, said, error) => {
      w.answerWith(async () => new Response(null, { status: 502, headers: { [name]: said } }));
      await w.record();
      await deliver(w.deps, w.woken[0]?.deliveryId ?? "");
      const [row] = await w.deliveries();
      expect((await triesOf(testEnv.DB, [row?.id ?? ""]))[0]).toMatchObject({
        status: null,
        error,
      });
    },
  );

  test("to this service itself is refused", async () => {
    await w.record({ webhookUrl: "https://telecine.test/v1/jobs" });
    await consumeAll(w);
    expect(w.sent).toHaveLength(0);
  });

  test("carries two signatures while its endpoint's secret is being rotated, and one a day later", async () => {
    const endpoint = await w.endpoint();
    await rotateEndpointSecret(testEnv.DB, w.accountId, endpoint.id, w.now());
    await w.record({ webhookUrl: null });
    await consumeAll(w);
    const [first] = w.sent;
    if (!first) throw new Error("nothing was sent");
    const owner = { kind: "endpoint" as const, id: endpoint.id };
    for (const version of [1, 2]) {
      const secret = await webhookSecret(SIGNING_SECRET, owner, version);
      new Webhook(secret).verify(first.body, Object.fromEntries(first.headers));
    }
    w.pass(25 * 60 * 60 * 1000);
    await w.record({ webhookUrl: null, eventId: `${newId("job", w.now())}.9` });
    await consumeAll(w);
    expect(w.sent[1]?.headers.get("webhook-signature")?.split(" ")).toHaveLength(1);
  });

  test("goes to the job's URL for terminal events alone, and to endpoints for what they asked", async () => {
    await w.endpoint({ events: ["job.started"] });
    await w.record({ type: "job.started" });
    const rows = await w.deliveries();
    expect(rows.map((row) => row.url)).toEqual(["https://endpoint.example.com/"]);
  });
});

describe("the sweep", () => {
  test("wakes a delivery whose wake-up was lost", async () => {
    await w.record();
    const lost = w.woken.splice(0);
    const env = { ...testEnv, WEBHOOK_QUEUE: w.deps.queue };
    await sweepDeliveries(env, w.now() + 1);
    expect(w.woken.map((each) => each.deliveryId)).toContain(lost[0]?.deliveryId);
  });

  test("takes up a delivery whose claimer died, and fails it when that was its last try", async () => {
    await w.record();
    const id = w.woken.splice(0)[0]?.deliveryId ?? "";
    const dying: DeliverDeps = {
      ...w.deps,
      fetch: () => {
        throw new Error("never settled");
      },
      // The process ends between the claim and the log: settling needs the random delay.
      random: () => {
        throw new Error("killed");
      },
    };
    for (let tries = 1; tries <= 3; tries++) {
      await deliver(dying, id);
      await deliver(w.deps, id);
      expect(w.sent).toHaveLength(0);
      w.pass(31_000);
    }
    await testEnv.DB.prepare("UPDATE webhook_deliveries SET tries = max_tries WHERE id = ?")
      .bind(id)
      .run();
    await sweepDeliveries({ ...testEnv, WEBHOOK_QUEUE: w.deps.queue }, w.now());
    expect(await findDelivery(testEnv.DB, w.accountId, id)).toMatchObject({
      state: "failed",
      code: "WEBHOOK_DELIVERY_FAILED",
    });
  });
});
