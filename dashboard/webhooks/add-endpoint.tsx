import { useState } from "preact/hooks";
import type { ShownWebhook } from "../../client/client.ts";
import type { WebhookEventType } from "../../protocol/http/webhooks.ts";
import { api } from "../lib/api.ts";
import { useAction } from "../lib/resource.ts";
import { FormDialog, SecretDialog } from "../ui/dialog.tsx";
import { ChoiceField, TextField } from "../ui/fields.tsx";

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
      <SecretDialog
        title="The endpoint is registered"
        secret={created.secret}
        label="Webhook secret"
        onClose={onClose}
      >
        <p>Verify what arrives with this secret; it is shown this once.</p>
      </SecretDialog>
    );
  }
  return (
    <FormDialog title="Add an endpoint" verb="Add it" action={create} onCancel={onClose}>
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
    </FormDialog>
  );
}
