/** What Prometheus is told, and of whom. */
import { beforeEach, describe, expect, test } from "vitest";
import { PROMETHEUS_TYPE, prometheusText } from "../../../edge/http/prometheus.ts";
import { FakePool } from "./fake-pool.ts";
import { call, makeKey, refusal, testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const scrape = async (key?: string) =>
  (await call("/metrics", { env: pool.env, ...(key === undefined ? {} : { key }) })).text();

describe("the metrics", () => {
  test("are what the pools count, with who and where as labels", async () => {
    pool.counted = {
      ...pool.counted,
      ready: 3,
      oldestQueuedAt: Date.now() - 90_000,
      leased: 2,
      slots: 4,
      counters: {
        jobs: { completed: 7 },
        attempts: [
          {
            state: "completed",
            kind: "whole",
            encoder: "h264_nvenc",
            count: 7,
            seconds: 60,
            mediaSeconds: 600,
          },
          {
            state: "expired",
            kind: "whole",
            encoder: null,
            count: 1,
            seconds: 30,
            mediaSeconds: 0,
          },
        ],
      },
    };
    const answer = await call("/metrics", { env: pool.env });
    expect(answer.headers.get("content-type")).toBe(PROMETHEUS_TYPE);
    const text = await answer.text();
    const at = 'account="default",pool="default",shard="0"';
    const lines = text.split("\n");
    for (const line of [
      `telecine_pool_up{${at}} 1`,
      `telecine_tasks_ready{${at}} 3`,
      `telecine_tasks_leased{${at}} 2`,
      `telecine_worker_slots{${at}} 4`,
      `telecine_jobs_total{${at},state="completed"} 7`,
      `telecine_attempts_total{${at},state="completed",kind="whole",encoder="h264_nvenc"} 7`,
      `telecine_attempts_total{${at},state="expired",kind="whole",encoder="none"} 1`,
      `telecine_media_seconds_total{${at},state="completed",kind="whole",encoder="h264_nvenc"} 600`,
    ]) {
      expect(lines).toContain(line);
    }
    const oldest = lines.find((line) => line.startsWith("telecine_queue_oldest_seconds{"));
    expect(Number(oldest?.split(" ").at(-1))).toBeGreaterThanOrEqual(90);
  });

  test("say of a pool that does not answer that it is down, and the rest of the others", async () => {
    pool.broken = new Error("the object is overloaded");
    const text = await scrape();
    expect(text).toContain('telecine_pool_up{account="default",pool="default",shard="0"} 0');
    expect(text).not.toContain("telecine_tasks_ready");
    expect(text).toContain("telecine_webhook_deliveries_pending");
  });

  test("need a key that may read", async () => {
    expect(await refusal(call("/metrics", { key: null }))).toMatchObject({ status: 401 });
    const writer = await makeKey(["write"]);
    expect(await refusal(call("/metrics", { key: writer }))).toMatchObject({ status: 403 });
  });

  test("of an account are its own; the root key sees all", async () => {
    const key = await makeKey(["read"], "metrics-tenant");
    await testEnv.DB.prepare(
      `insert into webhook_outcomes (account_id, outcome, tries)
       values ('metrics-tenant', 'delivered', 5), ('metrics-other', 'failed', 6)`,
    ).run();
    const own = await scrape(key);
    expect(own).toContain('account="metrics-tenant",outcome="delivered"} 5');
    expect(own).not.toContain("metrics-other");
    expect(own).not.toContain('account="default"');
    const all = await scrape();
    for (const account of ["default", "metrics-tenant", "metrics-other"]) {
      expect(all).toContain(`account="${account}"`);
    }
  });
});

describe("the text format", () => {
  test("escapes what labels and help may hold", () => {
    const family = { name: "a", type: "gauge" as const, help: "line\nline \\" };
    const text = prometheusText([
      { ...family, samples: [{ labels: { b: 'x"\n\\' }, value: 1.5 }] },
    ]);
    expect(text).toBe('# HELP a line\\nline \\\\\n# TYPE a gauge\na{b="x\\"\\n\\\\"} 1.5\n');
  });

  test("leaves families without a sample out", () => {
    expect(prometheusText([{ name: "a", type: "counter", help: "", samples: [] }])).toBe("");
  });
});
