/** The map of chunks, coloured by worker; colours have names beside them, and every cell says what it is. */
import type { Attempt } from "../../protocol/http/jobs.ts";
import { count } from "../lib/format.ts";
import { Card } from "../ui/basics.tsx";
import { type MapCell, mapOf, workersOf } from "./chunk-map.ts";

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
  const colorOf = (cell: MapCell) =>
    workers.find(({ workerId }) => workerId === cell.workerId)?.color ?? 0;
  return (
    <Card title="Who works on what">
      <div class="stack">
        <ul class="chunk-map" aria-label="Parts of the job">
          {divided.map((cell, index) => (
            <li
              key={cell.taskId}
              class={`chunk ${cell.state} ${cell.kind} worker-${colorOf(cell)}`}
              title={describe(cell, index)}
            >
              <span class="visually-hidden">{describe(cell, index)}</span>
              <span aria-hidden="true">{marks[cell.kind]}</span>
            </li>
          ))}
        </ul>
        <ul class="legend">
          {workers.map((worker) => (
            <li key={worker.workerId}>
              <span class={`swatch worker-${worker.color}`} aria-hidden="true" />
              {worker.name} <span class="muted">{count(worker.tasks, "part")}</span>
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

const marks: Readonly<Record<MapCell["kind"], string>> = {
  whole: "",
  chunk: "",
  prelude: "♪",
  audio: "♪",
  merge: "⤳",
};
const states: Readonly<Record<MapCell["state"], string>> = {
  running: "running",
  done: "done",
  failed: "failed",
};

function describe(cell: MapCell, index: number): string {
  const what = cell.kind === "chunk" ? `chunk ${index + 1}` : cell.kind;
  const tries = cell.attempts > 1 ? `, attempt ${cell.attempts}` : "";
  return `${what}: ${states[cell.state]} on ${cell.workerName}${tries}`;
}
