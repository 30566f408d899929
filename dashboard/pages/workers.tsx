/** The machines that run ffmpeg: what they can do, what they do, and how to add one. */

import { useState } from "preact/hooks";
import type { ShownWorkerToken } from "../../client/client.ts";
import type { Worker } from "../../protocol/http/workers.ts";
import { api } from "../lib/api.ts";
import { ago, count } from "../lib/format.ts";
import { useAction, useNow, useResource } from "../lib/resource.ts";
import { linkTo } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Badge, Button, Facts, PageHead, Progress, type Tone } from "../ui/basics.tsx";
import { Confirm, FormDialog, SecretDialog } from "../ui/dialog.tsx";
import { NameField, TextField } from "../ui/fields.tsx";
import { Empty, Failure, Shown } from "../ui/states.tsx";

export function WorkersPage() {
  const workers = useResource("workers", (signal) => api.listWorkers({ limit: 200 }, signal), {
    everyMs: 3_000,
  });
  const [isAdding, setAdding] = useState(false);
  return (
    <>
      <PageHead
        title="Workers"
        lead="Agents dial out from your machines: no open port, and no credential but their own token."
      >
        {may("admin") && (
          <Button look="primary" icon="plus" onClick={() => setAdding(true)}>
            Add a worker
          </Button>
        )}
      </PageHead>
      <Shown resource={workers} what="workers">
        {({ workers: all }) =>
          all.length === 0 ? (
            <Empty title="No workers yet.">
              <p>
                Jobs wait until one is there.{" "}
                {may("admin")
                  ? "Add one: it is a token and one command."
                  : 'A key with the scope "admin" adds one.'}
              </p>
            </Empty>
          ) : (
            <ul class="cards">
              {all.toSorted(byState).map((worker) => (
                <WorkerCard key={worker.workerId} worker={worker} reload={workers.reload} />
              ))}
            </ul>
          )
        }
      </Shown>
      {isAdding && (
        <AddWorker
          onClose={() => {
            setAdding(false);
            workers.reload();
          }}
        />
      )}
    </>
  );
}

const tones: Readonly<Record<Worker["state"], Tone>> = {
  connected: "good",
  draining: "warn",
  disconnected: "neutral",
};

/** Those that may take work first, those that are gone last; otherwise as they came, newest first. */
function byState(a: Worker, b: Worker): number {
  return rank[a.state] - rank[b.state];
}

const rank: Readonly<Record<Worker["state"], number>> = {
  connected: 0,
  draining: 1,
  disconnected: 2,
};

function WorkerCard({ worker, reload }: { readonly worker: Worker; readonly reload: () => void }) {
  const now = useNow(10_000);
  const { name, slots, busy } = worker;
  return (
    <li class="card">
      <div class="card-head">
        <h2>{name}</h2>
        <Badge tone={tones[worker.state]}>{worker.state}</Badge>
      </div>
      <div class="stack">
        {slots > 0 && (
          <div class="load">
            <Progress percent={(busy / slots) * 100} label={`Load of ${name}`} />
            <p class="small muted figures">
              {busy} of {count(slots, "slot")} busy
            </p>
          </div>
        )}
        <Facts
          items={[
            ["Pool", worker.pool],
            [
              "Last seen",
              worker.connected
                ? "now"
                : worker.lastSeenAt === null
                  ? "never"
                  : ago(worker.lastSeenAt, now),
            ],
            ...(worker.capabilities === null
              ? []
              : [["ffmpeg", worker.capabilities.ffmpegVersion] as const]),
            ...(worker.expiresAt === null
              ? []
              : [["Token expires", ago(worker.expiresAt, now)] as const]),
          ]}
        />
        <Devices worker={worker} />
        {worker.leases.length > 0 && (
          <ul class="plain-list small">
            {worker.leases.map((lease) => (
              <li key={`${lease.taskId} ${lease.epoch}`}>
                Runs <a href={linkTo(["jobs", lease.jobId])}>{lease.jobId}</a>
              </li>
            ))}
          </ul>
        )}
        {may("admin") && <WorkerButtons worker={worker} reload={reload} />}
      </div>
    </li>
  );
}

/** What each device proved: it encoded real frames when the agent started. */
function Devices({ worker }: { readonly worker: Worker }) {
  const encoders = worker.capabilities?.encoders ?? [];
  if (encoders.length === 0) {
    return worker.connected ? <p class="small">No encoder has proved itself.</p> : null;
  }
  const devices = [...new Set(encoders.map(({ device }) => device))];
  return (
    <dl class="devices">
      {devices.map((device) => (
        <div key={device}>
          <dt>{device}</dt>
          <dd>
            {encoders
              .filter((each) => each.device === device)
              .map(({ encoder, bitDepths }) => (
                <span class="chip" key={encoder} title={`${bitDepths.join(" and ")} bit`}>
                  {encoder}
                </span>
              ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function WorkerButtons({
  worker,
  reload,
}: {
  readonly worker: Worker;
  readonly reload: () => void;
}) {
  const [isAsking, setAsking] = useState(false);
  const drain = useAction(async () => {
    await api.drainWorker(worker.workerId);
    reload();
  });
  const revoke = useAction(() => api.revokeWorker(worker.workerId));
  return (
    <>
      {drain.error !== undefined && <Failure error={drain.error} />}
      <div class="actions">
        {worker.state === "connected" && (
          <Button
            icon="pause"
            isBusy={drain.isBusy}
            onClick={() => drain.run()}
            aria-label={`Drain ${worker.name}`}
            title="Finishes what it holds and takes nothing new"
          >
            Drain
          </Button>
        )}
        <Button
          look="quiet"
          icon="trash"
          onClick={() => setAsking(true)}
          aria-label={`Revoke ${worker.name}`}
        >
          Revoke
        </Button>
      </div>
      {isAsking && (
        <Confirm
          title={`Revoke ${worker.name}?`}
          verb="Revoke the worker"
          action={revoke}
          onDone={(done) => {
            setAsking(false);
            if (done) reload();
          }}
        >
          Its connection is closed and its token never works again.{" "}
          {worker.busy > 0 &&
            `What it runs (${count(worker.busy, "task")}) goes to another worker.`}
        </Confirm>
      )}
    </>
  );
}

function AddWorker({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [pool, setPool] = useState("default");
  const [created, setCreated] = useState<ShownWorkerToken | null>(null);
  const create = useAction(async () => {
    setCreated(await api.createWorkerToken({ name: name.trim(), pool: pool.trim() || "default" }));
  });
  if (created !== null) {
    // By the environment: what stands in a command line, everybody on the machine may read.
    const settings = `TELECINE_URL=${location.origin} TELECINE_WORKER_TOKEN=${created.token}`;
    const command = `${settings} npm run worker`;
    return (
      <SecretDialog
        title={`${created.name} may connect`}
        secret={command}
        label="Command for the worker"
        onClose={onClose}
      >
        <p>
          Run this where ffmpeg and the GPU are, in a checkout of Telecine. The token is shown this
          once. The worker appears in the list as soon as it has connected.
        </p>
      </SecretDialog>
    );
  }
  return (
    <FormDialog title="Add a worker" verb="Make a token" action={create} onCancel={onClose}>
      <NameField value={name} onInput={setName} placeholder="gpu-1" />
      <TextField
        label="Pool"
        value={pool}
        onInput={setPool}
        help="Jobs name the pool whose workers may run them."
      />
    </FormDialog>
  );
}
