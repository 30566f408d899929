/** The ledger: every attempt, why it ended, and the last lines of ffmpeg's log. */
import type { Attempt } from "../../protocol/http/jobs.ts";
import { duration } from "../lib/format.ts";
import { Badge, Card, type Tone } from "../ui/basics.tsx";
import { Empty } from "../ui/states.tsx";
import { taskNames, triesOf } from "./chunk-map.ts";

export function Attempts({
  attempts,
  now,
}: {
  readonly attempts: readonly Attempt[];
  readonly now: number;
}) {
  const names = taskNames(attempts);
  const tries = triesOf(attempts);
  return (
    <Card title="Attempts">
      {attempts.length === 0 ? (
        <Empty title="No worker has taken it yet." />
      ) : (
        <div class="attempts">
          {[...attempts].reverse().map((attempt) => (
            <AttemptRow
              name={names.get(attempt.taskId) ?? null}
              key={`${attempt.taskId} ${attempt.epoch}`}
              tryNumber={tries.get(attempt) ?? 1}
              attempt={attempt}
              now={now}
            />
          ))}
        </div>
      )}
    </Card>
  );
}

function toneOf(attempt: Attempt): Tone {
  if (attempt.endedAt === null) return "info";
  if (attempt.error !== null) return "bad";
  return attempt.state === "completed" ? "good" : "neutral";
}

function AttemptRow({
  name,
  tryNumber,
  attempt,
  now,
}: {
  /** Of its task; null in a job that has but one. */
  readonly name: string | null;
  readonly tryNumber: number;
  readonly attempt: Attempt;
  readonly now: number;
}) {
  const end = attempt.endedAt === null ? now : Date.parse(attempt.endedAt);
  const took = duration(Math.max(0, (end - Date.parse(attempt.startedAt)) / 1000));
  const facts = [
    attempt.workerName,
    attempt.encoder,
    attempt.device,
    attempt.stage === null ? null : `in ${attempt.stage}`,
    attempt.exitCode === null ? null : `exit code ${attempt.exitCode}`,
    took,
  ].filter((fact) => fact !== null);
  return (
    <details class="attempt" open={attempt.error !== null}>
      <summary>
        <span class="attempt-name">
          {name === null ? `Try ${tryNumber}` : `${name}, try ${tryNumber}`}
          {attempt.run > 1 && <span class="muted"> of run {attempt.run}</span>}
        </span>
        <Badge tone={toneOf(attempt)}>{attempt.state}</Badge>
        <span class="small muted figures">{facts.join(" · ")}</span>
      </summary>
      {attempt.error && (
        <p class="notice bad">
          <span>
            <strong>{attempt.error.code}</strong> {attempt.error.message} {attempt.error.detail}
          </span>
        </p>
      )}
      {attempt.log.length === 0 ? (
        <p class="small muted">
          {attempt.endedAt === null
            ? "The log comes with the attempt's end."
            : "ffmpeg said nothing."}
        </p>
      ) : (
        <pre class="log">{attempt.log.join("\n")}</pre>
      )}
    </details>
  );
}
