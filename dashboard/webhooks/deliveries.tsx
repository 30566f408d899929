/** The log of deliveries, each with its tries, to be sent again by hand. */

import type { WebhookDelivery } from "../../protocol/http/webhooks.ts";
import { api } from "../lib/api.ts";
import { ago, fullTime } from "../lib/format.ts";
import { usePages } from "../lib/pages.ts";
import { useAction, useNow } from "../lib/resource.ts";
import { linkTo } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Ago, Badge, Button, Card, type Tone } from "../ui/basics.tsx";
import { Empty, Failure, ShownPages } from "../ui/states.tsx";

const REFRESH_MS = 5_000;
const SOON_MS = 700;

/** About to be tried: whoever has just sent it wants to see what comes of it. */
function isUnderWay({ state, nextTryAt }: WebhookDelivery): boolean {
  if (state !== "pending") return false;
  return nextTryAt === null || Date.parse(nextTryAt) - Date.now() < REFRESH_MS;
}

export function Deliveries({ jobId }: { readonly jobId: string | null }) {
  const deliveries = usePages(
    `deliveries ${jobId}`,
    async (cursor, signal) => {
      const query = jobId === null ? {} : { jobId };
      const page = await api.listDeliveries({ ...query, limit: 30, cursor }, signal);
      return { items: page.deliveries, nextCursor: page.nextCursor };
    },
    { everyMs: (items) => (items.some(isUnderWay) ? SOON_MS : REFRESH_MS) },
  );
  const title = jobId === null ? "Deliveries" : `Deliveries of ${jobId}`;
  const all = jobId !== null && <a href={linkTo(["webhooks"])}>Show all</a>;
  return (
    <Card title={title} actions={all}>
      <ShownPages
        pages={deliveries}
        what="deliveries"
        empty={
          <Empty title="Nothing was sent yet.">
            <p>A delivery appears here as soon as a job ends that somebody is to be told of.</p>
          </Empty>
        }
      >
        {(items) => (
          <ul class="plain-list divided">
            {items.map((delivery) => (
              <Delivery key={delivery.deliveryId} delivery={delivery} reload={deliveries.reload} />
            ))}
          </ul>
        )}
      </ShownPages>
    </Card>
  );
}

const tones: Readonly<Record<WebhookDelivery["state"], Tone>> = {
  pending: "info",
  delivered: "good",
  failed: "bad",
};

function Delivery({
  delivery,
  reload,
}: {
  readonly delivery: WebhookDelivery;
  readonly reload: () => void;
}) {
  const now = useNow(5_000);
  const again = useAction(async () => {
    await api.redeliver(delivery.deliveryId);
    reload();
  });
  return (
    <li class="delivery">
      <div class="delivery-head">
        <span>
          <strong>{delivery.type}</strong>{" "}
          <Badge tone={tones[delivery.state]}>{delivery.state}</Badge>
          <span class="small muted block">
            <code class="url">{delivery.url}</code>
          </span>
          <span class="small muted block">
            {delivery.jobId && <a href={linkTo(["jobs", delivery.jobId])}>{delivery.jobId}</a>}{" "}
            <Ago time={delivery.createdAt} now={now} />
            {delivery.nextTryAt !== null && delivery.state === "pending" && (
              <> · next try {ago(delivery.nextTryAt, now)}</>
            )}
          </span>
        </span>
        {may("write") && (
          <Button
            icon="retry"
            isBusy={again.isBusy}
            onClick={() => again.run()}
            aria-label={`Send again: ${delivery.type}`}
          >
            Send again
          </Button>
        )}
      </div>
      {again.error !== undefined && <Failure error={again.error} />}
      {delivery.log.length > 0 && <Tries delivery={delivery} />}
    </li>
  );
}

function Tries({ delivery }: { readonly delivery: WebhookDelivery }) {
  return (
    <details>
      <summary class="small">
        {delivery.log.length === 1 ? "1 try" : `${delivery.log.length} tries`}
      </summary>
      <ol class="tries small">
        {delivery.log.map((entry) => (
          <li key={`${entry.try} ${entry.startedAt}`}>
            <time dateTime={entry.startedAt}>{fullTime(entry.startedAt)}</time>:{" "}
            {entry.status === null ? entry.error : `HTTP ${entry.status}`}
            {entry.status !== null && entry.error !== null && ` (${entry.error})`} after{" "}
            {entry.durationMs} ms
          </li>
        ))}
      </ol>
    </details>
  );
}
