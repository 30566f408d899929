/** The map of chunks, coloured by worker; colours have names beside them, and every cell says what it is. */
import type { Attempt } from "../../protocol/http/jobs.ts";
import { count } from "../lib/format.ts";
import { Card } from "../ui/basics.tsx";
import { type MapCell, mapOf, taskNames, workersOf } from "./chunk-map.ts";

export function ChunkMap({
  attempts,
  run,
}: {
  readonly attempts: readonly Attempt[];
  readonly run: number;
}) {
  const cells = mapOf(attempts, run);
  const divided = cells.filter(({ kind }) => kind !== "whole");
  if (divided.length === 0) return null;
  const workers = workersOf(divided);
  const names = taskNames(attempts);
  const marked = (["audio", "merge"] as const).filter((kind) =>
    divided.some((cell) => cell.kind === kind),
  );
  const colorOf = (cell: MapCell) =>
    workers.find(({ workerId }) => workerId === cell.workerId)?.color ?? 0;
  return (
    <Card title="Who works on what">
      <div class="stack">
        <ul class="chunk-map" aria-label="Parts of the job">
          {divided.map((cell) => {
            const name = names.get(cell.taskId) ?? cell.kind;
            const isNumbered = cell.kind === "chunk";
            return (
              <li
                key={cell.taskId}
                class={`chunk ${cell.state} ${isNumbered ? "numbered" : ""} worker-${colorOf(cell)}`}
                title={describe(cell, name)}
              >
                <span class="visually-hidden">{describe(cell, name)}</span>
                <span aria-hidden="true">
                  {isNumbered ? name.replace(/\D+/, "") : marks[cell.kind]}
                </span>
              </li>
            );
          })}
        </ul>
        <ul class="legend">
          {workers.map((worker) => (
            <li key={worker.workerId}>
              <span class={`swatch worker-${worker.color}`} aria-hidden="true" />
              {worker.name} <span class="muted">{count(worker.tasks, "part")}</span>
            </li>
          ))}
          {marked.map((kind) => (
            <li key={kind} class="muted">
              <span aria-hidden="true">{marks[kind]}</span> {kind}
            </li>
          ))}
        </ul>
        <p class="small muted">Striped: under way. Dashed: failed or stopped.</p>
      </div>
    </Card>
  );
}

const marks: Readonly<Record<MapCell["kind"], string>> = {
  whole: "",
  chunk: "",
  audio: "♪",
  merge: "⤳",
};
const states: Readonly<Record<MapCell["state"], string>> = {
  running: "running",
  done: "done",
  failed: "failed",
};

function describe(cell: MapCell, name: string): string {
  const tries = cell.attempts > 1 ? `, attempt ${cell.attempts}` : "";
  return `${name}: ${states[cell.state]} on ${cell.workerName}${tries}`;
}
