/** Who is told of what jobs do, and every try of it. */

import { useState } from "preact/hooks";
import type { Webhook } from "../../protocol/http/webhooks.ts";
import { api } from "../lib/api.ts";
import { useAction, useResource } from "../lib/resource.ts";
import { place } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Badge, Button, Card, PageHead } from "../ui/basics.tsx";
import { Confirm, SecretDialog } from "../ui/dialog.tsx";
import { Empty, Failure, Shown } from "../ui/states.tsx";
import { AddEndpoint } from "../webhooks/add-endpoint.tsx";
import { Deliveries } from "../webhooks/deliveries.tsx";

export function WebhooksPage() {
  const webhooks = useResource("webhooks", (signal) => api.listWebhooks({ limit: 200 }, signal));
  const [isAdding, setAdding] = useState(false);
  // A delivery made by hand is to be seen at once.
  const [turn, setTurn] = useState(0);
  const jobId = place.value.query.get("jobId");
  return (
    <>
      <PageHead
        title="Webhooks"
        lead="Signed by the Standard Webhooks rules, retried, and all of it logged."
      >
        {may("write") && (
          <Button look="primary" icon="plus" onClick={() => setAdding(true)}>
            Add an endpoint
          </Button>
        )}
      </PageHead>
      {jobId === null && (
        <Card title="Endpoints">
          <Shown resource={webhooks} what="endpoints">
            {({ webhooks: all }) =>
              all.length === 0 ? (
                <Empty title="No endpoints.">
                  <p>An endpoint is told of every job. A job can also name a webhook of its own.</p>
                </Empty>
              ) : (
                <ul class="plain-list divided">
                  {all.map((webhook) => (
                    <Endpoint
                      key={webhook.webhookId}
                      webhook={webhook}
                      onChange={() => {
                        webhooks.reload();
                        setTurn((was) => was + 1);
                      }}
                    />
                  ))}
                </ul>
              )
            }
          </Shown>
        </Card>
      )}
      <Deliveries key={`${jobId} ${turn}`} jobId={jobId} />
      {isAdding && (
        <AddEndpoint
          onClose={() => {
            setAdding(false);
            webhooks.reload();
          }}
        />
      )}
    </>
  );
}

function Endpoint({
  webhook,
  onChange,
}: {
  readonly webhook: Webhook;
  readonly onChange: () => void;
}) {
  const [isAsking, setAsking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const { webhookId } = webhook;
  const isEnabled = webhook.state === "enabled";
  const change = useAction(async (act: () => Promise<unknown>) => {
    await act();
    onChange();
  });
  const rotate = useAction(async () =>
    setSecret((await api.rotateWebhookSecret(webhookId)).secret),
  );
  const remove = useAction(() => api.deleteWebhook(webhookId));
  const error = change.error ?? rotate.error;
  return (
    <li class="endpoint">
      <div>
        <span>
          <code class="url">{webhook.url}</code>{" "}
          <Badge tone={isEnabled ? "good" : "warn"}>{stateOf(webhook)}</Badge>
        </span>
        {webhook.description && <p>{webhook.description}</p>}
        <div class="chips">
          {webhook.events.map((event) => (
            <span class="chip" key={event}>
              {event}
            </span>
          ))}
        </div>
      </div>
      {error !== undefined && <Failure error={error} />}
      {may("write") && (
        <div class="actions">
          <Button
            isBusy={change.isBusy}
            onClick={() => change.run(() => api.testWebhook(webhookId))}
          >
            Send a test
          </Button>
          <Button
            isBusy={change.isBusy}
            onClick={() =>
              change.run(() =>
                api.updateWebhook(webhookId, { state: isEnabled ? "disabled" : "enabled" }),
              )
            }
          >
            {isEnabled ? "Disable" : "Enable"}
          </Button>
          <Button isBusy={rotate.isBusy} onClick={() => rotate.run()}>
            New secret
          </Button>
          <Button look="quiet" icon="trash" onClick={() => setAsking(true)}>
            Delete
          </Button>
        </div>
      )}
      {secret !== null && (
        <SecretDialog
          title="The new secret"
          secret={secret}
          label="Webhook secret"
          onClose={() => setSecret(null)}
        >
          <p>It is shown this once. For a day the one before signs, too.</p>
        </SecretDialog>
      )}
      {isAsking && (
        <Confirm
          title="Delete this endpoint?"
          verb="Delete the endpoint"
          action={remove}
          onDone={(done) => {
            setAsking(false);
            if (done) onChange();
          }}
        >
          Nothing more is sent to <code>{webhook.url}</code>.
        </Confirm>
      )}
    </li>
  );
}

function stateOf(webhook: Webhook): string {
  if (webhook.state === "enabled") return "enabled";
  return webhook.disabledReason === "gone" ? "disabled: it answered 410" : "disabled";
}
