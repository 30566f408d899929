/** One job, live. */
import { useState } from "preact/hooks";
import type { Job } from "../../protocol/http/jobs.ts";
import { Attempts } from "../job/attempts.tsx";
import { ChunkMap } from "../job/chunk-map-view.tsx";
import { Outputs } from "../job/outputs.tsx";
import { Players } from "../job/player.tsx";
import { Timeline } from "../job/timeline.tsx";
import { type LiveJob, useJob } from "../job/use-job.ts";
import { api } from "../lib/api.ts";
import { ago, duration, fullTime, timeLeft } from "../lib/format.ts";
import { useAction, useNow } from "../lib/resource.ts";
import { linkTo } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { isOver, toneOf, workOf } from "../lib/states.ts";
import { useVideo } from "../lib/videos.ts";
import { Badge, Button, Card, Facts, LinkButton, PageHead, Progress } from "../ui/basics.tsx";
import { Confirm, FormDialog } from "../ui/dialog.tsx";
import { TextField } from "../ui/fields.tsx";
import { Failure, Loading } from "../ui/states.tsx";

export function JobPage({ jobId }: { readonly jobId: string }) {
  const live = useJob(jobId);
  const { job, error } = live;
  if (job === undefined) {
    return (
      <>
        <PageHead title="Job" />
        {error === undefined ? (
          <Loading what="the job" rows={6} />
        ) : (
          <>
            <Failure error={error} onRetry={live.reload} />
            <p>
              <a href={linkTo(["jobs"])}>All jobs</a>
            </p>
          </>
        )}
      </>
    );
  }
  return <JobView live={live} job={job} />;
}

function JobView({ live, job }: { readonly live: LiveJob; readonly job: Job }) {
  const now = useNow();
  const video = useVideo(job.videoId);
  const title = video?.filename ?? Object.values(job.inputs)[0]?.url ?? job.jobId;
  const name = <bdi>{title}</bdi>;
  return (
    <>
      <PageHead
        title={name}
        lead={
          <>
            <Badge tone={toneOf(job.state)}>{job.state}</Badge> {workOf(job)}
            {job.run > 1 && ` · run ${job.run}`} ·{" "}
            <span class="nowrap">{ago(job.createdAt, now)}</span>
          </>
        }
      >
        <JobButtons job={job} reload={live.reload} />
      </PageHead>
      {live.error !== undefined && <Failure error={live.error} onRetry={live.reload} />}
      {!live.isLive && live.error === undefined && (
        <p class="notice warn" role="status">
          The connection broke; trying to get it back.
        </p>
      )}
      {job.error && (
        <div class="notice bad" role="alert">
          <div>
            <strong>{job.error.message}</strong>
            <p>{job.error.detail}</p>
            <p class="small">
              <code>{job.error.code}</code>
              {job.error.stage && ` while ${job.error.stage}`} ·{" "}
              {job.error.retryable ? "a retry may help" : "a retry would fail the same way"}
            </p>
          </div>
        </div>
      )}
      <Card>
        <div class="stack">
          <ProgressFigures job={job} now={now} />
          <Timeline job={job} now={now} />
        </div>
      </Card>
      <Players job={job} />
      <Outputs job={job} sourceSize={video?.size ?? null} />
      <ChunkMap attempts={live.attempts} run={job.run} />
      <Attempts attempts={live.attempts} now={now} />
      <Request job={job} />
    </>
  );
}

function ProgressFigures({ job, now }: { readonly job: Job; readonly now: number }) {
  const begun = job.startedAt === null ? null : Date.parse(job.startedAt);
  const end = job.completedAt === null ? now : Date.parse(job.completedAt);
  const seconds = begun === null ? null : Math.max(0, (end - begun) / 1000);
  const isRunning = !isOver(job.state) && job.state !== "queued";
  const rest =
    isRunning && seconds !== null && seconds > 3 && job.progress > 3
      ? (seconds / job.progress) * (100 - job.progress)
      : null;
  const figures: (readonly [string, string])[] = [
    ["Progress", `${Math.floor(job.progress)} %`],
    ["Attempt", job.attempt === 0 ? "–" : `${job.attempt} of ${job.maxAttempts}`],
    ["Time", seconds === null ? "–" : duration(seconds)],
  ];
  if (isRunning) {
    figures.push(["Frames per second", job.fps === null ? "–" : job.fps.toFixed(0)]);
    figures.push(["Speed", job.speed === null ? "–" : `${job.speed.toFixed(2)} ×`]);
  }
  return (
    <>
      <Progress percent={job.progress} label="Progress of the job" tone={toneOf(job.state)} />
      <dl class="figures-row">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="small muted" role="status">
        {job.state === "queued" && "Waiting for a worker that is free and able."}
        {rest !== null && timeLeft(rest)}
      </p>
    </>
  );
}

function JobButtons({ job, reload }: { readonly job: Job; readonly reload: () => void }) {
  const [isAsking, setAsking] = useState(false);
  const [isExtending, setExtending] = useState(false);
  const cancel = useAction(() => api.cancelJob(job.jobId));
  const retry = useAction(async () => {
    await api.retryJob(job.jobId);
    reload();
  });
  if (!may("write")) return null;
  return (
    <>
      {retry.error !== undefined && <Failure error={retry.error} />}
      {!isOver(job.state) && (
        <Button icon="stop" onClick={() => setAsking(true)}>
          Cancel
        </Button>
      )}
      {job.error?.retryable === true && (
        <Button icon="retry" isBusy={retry.isBusy} onClick={() => retry.run()}>
          Retry
        </Button>
      )}
      {job.error?.code === "JOB_TIMEOUT" && !job.error.retryable && (
        <Button icon="retry" onClick={() => setExtending(true)}>
          Retry with more time
        </Button>
      )}
      {job.videoId !== null && isOver(job.state) && (
        <LinkButton icon="plus" href={linkTo([], { video: job.videoId })}>
          Another from this video
        </LinkButton>
      )}
      {isAsking && (
        <Confirm
          title="Cancel this job?"
          verb="Cancel the job"
          action={cancel}
          onDone={() => setAsking(false)}
        >
          What was made so far is thrown away.
        </Confirm>
      )}
      {isExtending && (
        <RetryWithMoreTime job={job} onClose={() => setExtending(false)} reload={reload} />
      )}
    </>
  );
}

/** What ran into its limit would do so again: a larger one is all that helps. */
function RetryWithMoreTime({
  job,
  onClose,
  reload,
}: {
  readonly job: Job;
  readonly onClose: () => void;
  readonly reload: () => void;
}) {
  const [seconds, setSeconds] = useState(String(job.timeoutSeconds * 2));
  const retry = useAction(async () => {
    await api.retryJob(job.jobId, { timeoutSeconds: Number(seconds) });
    onClose();
    reload();
  });
  return (
    <FormDialog title="Retry with more time" verb="Retry" action={retry} onCancel={onClose}>
      <TextField
        label="Time limit in seconds"
        value={seconds}
        onInput={setSeconds}
        input={{ type: "number", required: true, min: job.timeoutSeconds + 1, step: 1 }}
        help={`It ran into its limit of ${duration(job.timeoutSeconds)}.`}
      />
    </FormDialog>
  );
}

function Request({ job }: { readonly job: Job }) {
  const asked =
    job.mode === "ffmpeg"
      ? job.ffmpeg?.args.join(" ")
      : JSON.stringify({ name: job.recipe?.name, ...job.recipe }, null, 2);
  return (
    <Card title="Request">
      <Facts
        isWide
        items={[
          ["Job", <code key="id">{job.jobId}</code>],
          ["Created", fullTime(job.createdAt)],
          ["Pool", job.pool],
          ["Priority", String(job.priority)],
          ["Time limit", duration(job.timeoutSeconds)],
          ["Webhook", job.webhookUrl ?? "–"],
          // What the log lines of this job have in common, at the edge and at the workers.
          ["Trace", <code key="trace">{job.traceId ?? "–"}</code>],
          [
            "Deliveries",
            <a key="deliveries" href={linkTo(["webhooks"], { jobId: job.jobId })}>
              Webhooks of this job
            </a>,
          ],
        ]}
      />
      <pre class="log">{asked}</pre>
      {job.metadata && <pre class="log">{JSON.stringify(job.metadata, null, 2)}</pre>}
    </Card>
  );
}
