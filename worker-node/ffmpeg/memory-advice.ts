/** What somebody can do whose work took more memory than a run may, from the graph that took it. Pure. */
import { filters } from "../../protocol/command/filters/table.ts";
import type { FfmpegStep } from "../../protocol/plan.ts";

/** The rule, and the ways out: a sentence for each. */
export function memoryAdvice(step: Pick<FfmpegStep, "filterComplex" | "outputs">): string {
  const waiting = waitingFilters(step);
  const verb = waiting.length === 1 ? "waits" : "wait";
  const cause =
    waiting.length === 0
      ? "Smaller pictures (scale, width) or fewer outputs at once take less."
      : `${waiting.join(" and ")} ${verb} for the end of the input with everything before it in memory: a shorter part (-t, durationSeconds) or smaller pictures before it (scale, width) take less.`;
  return `${cause} The worker's owner allows more with --max-memory-mb.`;
}

/** Names of filters that say nothing before their input has ended, in order, each once. */
function waitingFilters({
  filterComplex,
  outputs,
}: Pick<FfmpegStep, "filterComplex" | "outputs">): string[] {
  const chains = outputs.flatMap(({ options }) =>
    options.filter((_, at) => /^-(?:filter|vf|af)(?::|$)/.test(options[at - 1] ?? "")),
  );
  const graph = [filterComplex ?? "", ...chains].join(",");
  const names = [...graph.matchAll(/(?:^|[,;\]])\s*([a-z][a-z0-9_]*)/g)].map(
    ([, name = ""]) => name,
  );
  return [...new Set(names)].filter((name) => filters.get(name)?.waitsForEnd === true);
}
