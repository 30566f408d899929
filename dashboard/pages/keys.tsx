/** API keys: made, shown once, revoked. */

import { useState } from "preact/hooks";
import type { ShownKey } from "../../client/client.ts";
import type { Key } from "../../protocol/http/keys.ts";
import { api } from "../lib/api.ts";
import { ago } from "../lib/format.ts";
import { usePages } from "../lib/pages.ts";
import { useAction, useNow } from "../lib/resource.ts";
import { may, session } from "../lib/session.ts";
import { Ago, Badge, Button, PageHead } from "../ui/basics.tsx";
import { Confirm, FormDialog, SecretDialog } from "../ui/dialog.tsx";
import { ChoiceField, NameField, SelectField } from "../ui/fields.tsx";
import { Empty, ShownPages } from "../ui/states.tsx";
import { Table } from "../ui/table.tsx";

export function KeysPage() {
  return may("admin") ? (
    <KeyList />
  ) : (
    <>
      <PageHead title="Keys" />
      <Empty title="Your key may not see keys.">
        <p>That needs a key with the scope "admin".</p>
      </Empty>
    </>
  );
}

function KeyList() {
  const keys = usePages("keys", async (cursor, signal) => {
    const page = await api.listKeys({ limit: 50, cursor }, signal);
    return { items: page.keys, nextCursor: page.nextCursor };
  });
  const [isMaking, setMaking] = useState(false);
  const [doomed, setDoomed] = useState<Key | null>(null);
  return (
    <>
      <PageHead
        title="Keys"
        lead="Only a hash of each is kept: a key is shown when it is made, and never again."
      >
        <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
          New key
        </Button>
      </PageHead>
      <ShownPages
        pages={keys}
        what="keys"
        empty={
          <Empty title="No keys but the root key.">
            <p>Give each program a key of its own, with no more scopes than it needs.</p>
          </Empty>
        }
      >
        {(items) => <KeyTable keys={items} onRevoke={setDoomed} />}
      </ShownPages>
      {isMaking && (
        <MakeKey
          onClose={() => {
            setMaking(false);
            keys.reload();
          }}
        />
      )}
      {doomed && (
        <RevokeKey
          doomed={doomed}
          onDone={(done) => {
            setDoomed(null);
            if (done) keys.reload();
          }}
        />
      )}
    </>
  );
}

function KeyTable({
  keys,
  onRevoke,
}: {
  readonly keys: readonly Key[];
  readonly onRevoke: (key: Key) => void;
}) {
  const now = useNow(10_000);
  return (
    <Table caption="Keys, newest first" columns={["Name", "Scopes", "Made", "Expires"]} hasActions>
      {keys.map((key) => (
        <tr key={key.keyId}>
          <td>
            <strong>{key.name}</strong>
            <span class="small muted block">
              <code>{key.keyId}</code>
            </span>
          </td>
          <td data-label="Scopes">
            <span class="chips">
              {key.scopes.map((scope) => (
                <Badge key={scope} tone="neutral">
                  {scope}
                </Badge>
              ))}
            </span>
          </td>
          <td data-label="Made">
            <Ago time={key.createdAt} now={now} />
          </td>
          <td data-label="Expires" class="nowrap">
            {key.expiresAt === null ? "never" : ago(key.expiresAt, now)}
          </td>
          <td>
            <div class="actions">
              <Button
                look="quiet"
                icon="trash"
                aria-label={`Revoke ${key.name}`}
                onClick={() => onRevoke(key)}
              >
                Revoke
              </Button>
            </div>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function RevokeKey({
  doomed,
  onDone,
}: {
  readonly doomed: Key;
  readonly onDone: (done: boolean) => void;
}) {
  const action = useAction(() => api.revokeKey(doomed.keyId));
  const state = session.value;
  const isOwn = state.status === "in" && state.session.keyId === doomed.keyId;
  return (
    <Confirm title={`Revoke ${doomed.name}?`} verb="Revoke the key" action={action} onDone={onDone}>
      It stops working at once, and so do the sessions that it signed in.{" "}
      {isOwn && <strong>It is the key of this very session.</strong>}
    </Confirm>
  );
}

const scopes = ["read", "write", "admin"] as const;
const DAY_SECONDS = 86_400;
const lifetimes = [
  { value: "", label: "never" },
  { value: String(DAY_SECONDS), label: "in a day" },
  { value: String(30 * DAY_SECONDS), label: "in 30 days" },
  { value: String(365 * DAY_SECONDS), label: "in a year" },
];

function MakeKey({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<readonly string[]>(["read", "write"]);
  const [lifetime, setLifetime] = useState("");
  const [created, setCreated] = useState<ShownKey | null>(null);
  const create = useAction(async () => {
    const request = { name: name.trim(), scopes: scopes.filter((scope) => chosen.includes(scope)) };
    const expiry = lifetime === "" ? {} : { expiresInSeconds: Number(lifetime) };
    setCreated(await api.createKey({ ...request, ...expiry }));
  });
  if (created !== null) {
    return (
      <SecretDialog
        title={`The key of ${created.name}`}
        secret={created.key}
        label="API key"
        onClose={onClose}
      >
        <p>Copy it now: it is shown this once.</p>
      </SecretDialog>
    );
  }
  return (
    <FormDialog title="New key" verb="Make the key" action={create} onCancel={onClose}>
      <NameField value={name} onInput={setName} placeholder="ingest" />
      <ChoiceField
        label="Scopes"
        options={scopes.map((scope) => ({ value: scope, label: scope }))}
        chosen={chosen}
        onChange={setChosen}
        help="admin includes the others, and keys, workers and presets."
      />
      <SelectField label="Expires" value={lifetime} options={lifetimes} onChange={setLifetime} />
    </FormDialog>
  );
}
