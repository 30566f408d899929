/**
 * Workers that one shard of a pool lends to another: what waits where nobody can take it, and whose idle workers could.
 * Pure.
 */
import { type EncoderNeed, type Fitness, fitnessOf } from "../../protocol/needs.ts";
import type { MatchWorker, ReadyTask } from "./match.ts";

/** Tasks of one kind that wait in a shard. */
export interface Want {
  readonly encoders: readonly EncoderNeed[];
  /** Whether they are parts of divided jobs. */
  readonly isPart: boolean;
  /** How many there are. */
  readonly count: number;
  /** How well a worker must serve them to be of any use there. */
  readonly fitness: Exclude<Fitness, "none">;
}

/** What these tasks want, of each kind all that there are: workers that serve them fully, for now. */
export function wantsOf(ready: readonly ReadyTask[]): readonly Want[] {
  const wants = new Map<string, Want>();
  for (const { needs, place } of ready) {
    const kind = { encoders: needs.encoders, isPart: place !== null };
    const key = JSON.stringify(kind);
    wants.set(key, { ...kind, fitness: "fully", count: (wants.get(key)?.count ?? 0) + 1 });
  }
  return [...wants.values()];
}

/** What tells one kind of task from another, however many wait. */
export function kindOf({ encoders, isPart }: Want): string {
  return JSON.stringify({ encoders, isPart });
}

/**
 * The same wants, with less asked where no worker of the shard serves them fully. Where one does, busy or not, matching
 * gives them to no other (edge/domain/match.ts), and a lesser one would come for nothing.
 */
export function modestly(wants: readonly Want[], workers: readonly MatchWorker[]): readonly Want[] {
  return wants.map((want) =>
    workers.some((worker) => serves(worker, { ...want, fitness: "fully" }))
      ? want
      : { ...want, fitness: "barely" },
  );
}

/**
 * Which of these idle workers go, one for each task: a worker that holds nothing takes any task it is able to do. What is
 * left of the wants is what nobody here can do.
 */
export function lend(
  wants: readonly Want[],
  idle: readonly MatchWorker[],
): { readonly workerIds: readonly string[]; readonly unmet: readonly Want[] } {
  const left = [...idle].sort((a, b) => (a.workerId < b.workerId ? -1 : 1));
  const workerIds: string[] = [];
  const unmet = wants.flatMap((want): readonly Want[] => {
    let count = want.count;
    for (; count > 0; count--) {
      const at = left.findIndex((worker) => serves(worker, want));
      if (at < 0) break;
      workerIds.push(...left.splice(at, 1).map(({ workerId }) => workerId));
    }
    return count === 0 ? [] : [{ ...want, count }];
  });
  return { workerIds, unmet };
}

function serves(worker: MatchWorker, { encoders, isPart, fitness }: Want): boolean {
  if (isPart && !worker.takesParts) return false;
  const own = fitnessOf(worker.encoders, encoders);
  return own === "fully" || own === fitness;
}
