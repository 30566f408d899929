import { useState } from "preact/hooks";
import type { ShownWebhook } from "../../client/client.ts";
import type { WebhookEventType } from "../../protocol/http/webhooks.ts";
import { api } from "../lib/api.ts";
import { useAction } from "../lib/resource.ts";
import { Button, Copyable } from "../ui/basics.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { ChoiceField, TextField } from "../ui/fields.tsx";
import { Failure } from "../ui/states.tsx";

const eventTypes = [
  "job.completed",
  "job.failed",
  "job.cancelled",
  "job.rejected",
  "job.started",
  "job.playable",
  "job.progress",
] as const satisfies readonly WebhookEventType[];

/** Registers an endpoint, and shows its secret once. */
export function AddEndpoint({ onClose }: { readonly onClose: () => void }) {
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [events, setEvents] = useState<readonly string[]>(eventTypes.slice(0, 4));
  const [created, setCreated] = useState<ShownWebhook | null>(null);
  const create = useAction(async () => {
    setCreated(
      await api.createWebhook({
        url: url.trim(),
        events: eventTypes.filter((type) => events.includes(type)),
        ...(description.trim() === "" ? {} : { description: description.trim() }),
      }),
    );
  });
  if (created !== null) {
    return (
      <Dialog key="made" title="The endpoint is registered" onClose={onClose}>
        <div class="stack">
          <p>Verify what arrives with this secret; it is shown this once.</p>
          <Copyable text={created.secret} label="Webhook secret" />
          <div class="actions end">
            <Button look="primary" onClick={onClose}>
              Done
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Add an endpoint" onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void create.run();
        }}
      >
        <TextField
          label="URL"
          value={url}
          onInput={setUrl}
          input={{ type: "url", required: true, placeholder: "https://example.com/hooks/telecine" }}
        />
        <ChoiceField
          label="Events"
          options={eventTypes.map((type) => ({ value: type, label: type }))}
          chosen={events}
          onChange={setEvents}
        />
        <TextField
          label="Description"
          value={description}
          onInput={setDescription}
          input={{ maxLength: 500 }}
        />
        {create.error !== undefined && <Failure error={create.error} />}
        <div class="actions end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" isBusy={create.isBusy}>
            Add it
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
