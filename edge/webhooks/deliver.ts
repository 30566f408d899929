/** One try of a delivery: claim, check, sign, send, write down how it went. */
import {
  claimDelivery,
  type DeliveryRow,
  findDue,
  settleTry,
  type TryRow,
} from "../catalogue/webhook-deliveries.ts";
import {
  accountSecretVersions,
  findEndpoint,
  updateEndpoint,
} from "../catalogue/webhook-endpoints.ts";
import type { Settings } from "../env.ts";
import { type LogFields, logError, logInfo } from "../log.ts";
import type { WebhookQueue } from "./record.ts";
import { retryAfterMs, retryDelayMs, TRY_LIMIT_MS, VISIBILITY_TIMEOUT_MS } from "./schedule.ts";
import { signingSecrets } from "./secrets.ts";
import { signDelivery } from "./sign.ts";
import { checkWebhookUrl } from "./url-rules.ts";

export interface DeliverDeps {
  readonly db: D1Database;
  readonly queue: WebhookQueue;
  readonly settings: Pick<Settings, "signingSecret" | "allowInsecureWebhooks">;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

/** A wake-up may come a little before its row is due: queue delays are in whole seconds. */
const EARLY_MS = 1000;

/** D1 fails now and then; writing a try down may be repeated, so it is. */
const SETTLE_TRIES = 3;

/** How a try ended. `final` refuses further tries whatever is left of them. */
type Outcome =
  | { readonly status: "delivered"; readonly httpStatus: number }
  | {
      readonly status: "failed";
      readonly httpStatus: number | null;
      readonly error: string;
      readonly final: boolean;
      readonly retryAfterMs: number | null;
    };

/**
 * Makes one try of a delivery if it is due. How it went is in the delivery's log afterwards; a try that could not be
 * settled is made again when its claim has run out.
 *
 * @throws when the record cannot be asked. Nothing was counted then: the sweep finds the delivery as due as it was.
 */
export async function deliver(deps: DeliverDeps, deliveryId: string): Promise<void> {
  const claimedAt = deps.now();
  const dueBy = claimedAt + EARLY_MS;
  const due = await findDue(deps.db, deliveryId, dueBy);
  if (due === null) return;
  const addressed = await addressOf(deps, due, claimedAt);
  // Last before it is sent: a claimed try counts, and one that was never made would use up the consumer's.
  const delivery = await claimDelivery(
    deps.db,
    deliveryId,
    dueBy,
    claimedAt + VISIBILITY_TIMEOUT_MS,
  );
  if (delivery === null) return;
  const fields = fieldsOf(delivery);
  try {
    const outcome =
      addressed.status === "ok"
        ? await attempt(deps, delivery, addressed, claimedAt)
        : refused(addressed.error);
    await settle(deps, delivery, claimedAt, outcome);
    const { status, httpStatus } = outcome;
    logInfo("webhook_tried", { ...fields, status, httpStatus });
  } catch (error) {
    logError("webhook_try_failed", fields, error);
  }
}

function fieldsOf({ id, jobId, webhookId, traceId, tries }: DeliveryRow): LogFields {
  const ids = { jobId: jobId ?? undefined, traceId: traceId ?? undefined };
  return { ...ids, deliveryId: id, webhookId, try: tries };
}

const refused = (error: string): Outcome => ({
  status: "failed",
  httpStatus: null,
  error,
  final: true,
  retryAfterMs: null,
});

type Address =
  | { readonly status: "ok"; readonly url: string; readonly secrets: readonly string[] }
  | { readonly status: "refused"; readonly error: string };

/** Where it goes, judged anew, and what signs it. */
async function addressOf(deps: DeliverDeps, delivery: DeliveryRow, now: number): Promise<Address> {
  const verdict = checkWebhookUrl(delivery.url, {
    allowInsecure: deps.settings.allowInsecureWebhooks,
    ownHosts: [delivery.ownHost],
  });
  if (verdict.status === "refused") {
    return { status: "refused", error: `The URL ${verdict.rule}.` };
  }
  const secrets = await secretsOf(deps, delivery, now);
  return secrets.status === "ok" ? { ...secrets, url: verdict.url } : secrets;
}

async function attempt(
  deps: DeliverDeps,
  delivery: DeliveryRow,
  { url, secrets }: Extract<Address, { readonly status: "ok" }>,
  now: number,
): Promise<Outcome> {
  const headers = await signDelivery(secrets, delivery.id, delivery.body, now);
  try {
    const response = await deps.fetch(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        "user-agent": "Telecine-Webhooks/1",
      },
      body: delivery.body,
      // A redirect could lead where the rules would not let us go.
      redirect: "manual",
      signal: AbortSignal.timeout(TRY_LIMIT_MS),
    });
    // Nobody reads the answer's body; left open it would hold the connection.
    await response.body?.cancel();
    return outcomeOf(response, now);
  } catch (error) {
    return unanswered(
      isTimeout(error)
        ? `There was no answer within ${TRY_LIMIT_MS / 1000} seconds.`
        : `The connection failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

const unanswered = (error: string): Outcome => ({
  status: "failed",
  httpStatus: null,
  error,
  final: false,
  retryAfterMs: null,
});

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
}

function outcomeOf(response: Response, now: number): Outcome {
  if (response.ok) return { status: "delivered", httpStatus: response.status };
  // Embedded, the host makes the connection, and says so where there was none.
  const unreachable = response.headers.get("x-telecine-unreachable");
  if (unreachable !== null) return unanswered(`The connection failed: ${unreachable}`);
  const failed = {
    status: "failed" as const,
    httpStatus: response.status,
    final: response.status === 410,
    retryAfterMs: retryAfterMs(response.headers.get("retry-after"), now),
  };
  const refusal = response.headers.get("x-telecine-refused");
  if (refusal !== null) {
    return { ...failed, httpStatus: null, error: `The address is refused: ${refusal}.` };
  }
  if (response.status >= 300 && response.status < 400) {
    return { ...failed, error: `HTTP ${response.status}: redirects are not followed.` };
  }
  return { ...failed, error: `HTTP ${response.status}: success is a 2xx.` };
}

type Secrets =
  | { readonly status: "ok"; readonly secrets: string[] }
  | { readonly status: "refused"; readonly error: string };

/** An endpoint signs with its own secret, a job's `webhookUrl` with the account's. */
async function secretsOf(deps: DeliverDeps, delivery: DeliveryRow, now: number): Promise<Secrets> {
  const { signingSecret } = deps.settings;
  if (delivery.webhookId === null) {
    const versions = await accountSecretVersions(deps.db, delivery.accountId);
    const owner = { kind: "account" as const, id: delivery.accountId };
    return { status: "ok", secrets: await signingSecrets(signingSecret, owner, versions, now) };
  }
  const endpoint = await findEndpoint(deps.db, delivery.accountId, delivery.webhookId);
  if (endpoint === null) return { status: "refused", error: "The endpoint was deleted." };
  if (endpoint.state === "disabled") {
    return { status: "refused", error: "The endpoint is disabled." };
  }
  const versions = { version: endpoint.secretVersion, rotatedAt: endpoint.secretRotatedAt };
  const owner = { kind: "endpoint" as const, id: endpoint.id };
  return { status: "ok", secrets: await signingSecrets(signingSecret, owner, versions, now) };
}

async function settle(
  deps: DeliverDeps,
  delivery: DeliveryRow,
  startedAt: number,
  outcome: Outcome,
): Promise<void> {
  const now = deps.now();
  const row: TryRow = {
    deliveryId: delivery.id,
    try: delivery.tries,
    startedAt,
    durationMs: Math.max(0, now - startedAt),
    status: outcome.httpStatus,
    error: outcome.status === "failed" ? outcome.error : null,
  };
  const write = (change: Parameters<typeof settleTry>[2]) =>
    persistently(() => settleTry(deps.db, row, change));
  if (outcome.status === "delivered") return write({ status: "delivered", at: now });
  if (outcome.httpStatus === 410 && delivery.webhookId !== null) {
    const change = { state: "disabled" as const, disabledReason: "gone" };
    await updateEndpoint(deps.db, delivery.accountId, delivery.webhookId, change);
  }
  if (outcome.final || delivery.tries >= delivery.maxTries) {
    return write({ status: "failed", at: now });
  }
  const delayMs = retryDelayMs(delivery.tries, deps.random(), outcome.retryAfterMs);
  await write({ status: "again", nextAt: now + delayMs });
  await deps.queue.send({ deliveryId: delivery.id }, { delaySeconds: Math.ceil(delayMs / 1000) });
}

/** A try that was made and not written down is made again, or its delivery counts as failed: D1 is asked a few times. */
async function persistently(write: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (tries === SETTLE_TRIES) throw error;
    }
  }
}
