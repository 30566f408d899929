/** Opens a task's inputs and serves them on loopback, each under its key. */
import type { Dispatcher } from "undici";
import type { TaskInput, TaskSpec } from "../protocol/task.ts";
import type { FetchGuard } from "./fetch-guard.ts";
import type { GrantHolder } from "./grants.ts";
import { edgeInput } from "./source/edge-input.ts";
import type { ServedInput, SourceServer } from "./source/server.ts";
import type { SourceFailure, Upstream } from "./source/upstream.ts";
import { type OpenedInput, openUrlInput } from "./source/url-input.ts";

export interface InputsOptions {
  readonly server: SourceServer;
  readonly guard: FetchGuard;
  readonly dispatcher: Dispatcher;
  readonly edgeUrl: URL;
  readonly grant: GrantHolder;
  /** Largest input from a URL, in bytes; the edge checks its own. */
  readonly maxInputBytes: number;
  /** Where inputs are copied whose servers have no ranges. */
  readonly stagingDir: string;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

export interface Inputs {
  readonly open: (inputs: TaskSpec["inputs"]) => Promise<OpenedInputs>;
  readonly get: (key: string) => ServedInput;
  /** Serves what the agent itself put together, beside the task's own inputs. */
  readonly serve: (key: string, upstream: Upstream) => void;
  readonly entries: () => readonly (readonly [string, ServedInput])[];
  readonly bytesServed: () => number;
  /** A reader waits for a source that does not answer: then nobody else is at fault. */
  readonly isAwaited: () => boolean;
  readonly failure: () => SourceFailure | null;
  readonly close: () => void;
}

export type OpenedInputs = { readonly status: "ok" } | Exclude<OpenedInput, { status: "ok" }>;

export function createInputs(options: InputsOptions): Inputs {
  const served = new Map<string, ServedInput>();
  const all = () => [...served.values()];
  return {
    open: async (inputs) => {
      for (const [key, input] of Object.entries(inputs)) {
        const opened = await openInput(options, key, input);
        if (opened.status !== "ok") return opened;
        served.set(key, options.server.serve(opened.upstream));
      }
      return { status: "ok" };
    },
    get: (key) => {
      const input = served.get(key);
      if (input === undefined)
        throw new RangeError(`The plan names an input '${key}' that is not.`);
      return input;
    },
    serve: (key, upstream) => {
      served.set(key, options.server.serve(upstream));
    },
    entries: () => [...served.entries()],
    bytesServed: () => all().reduce((sum, input) => sum + input.bytesServed(), 0),
    isAwaited: () => all().some((input) => input.isAwaited()),
    failure: () =>
      all()
        .map((input) => input.failure())
        .find((failure) => failure !== null) ?? null,
    close: () => {
      for (const input of all()) input.close();
    },
  };
}

async function openInput(
  options: InputsOptions,
  key: string,
  input: TaskInput,
): Promise<OpenedInput> {
  if (input.kind === "video") {
    const { sizeBytes, contentType } = input;
    return { status: "ok", upstream: edgeInput({ ...options, key, sizeBytes, contentType }) };
  }
  return openUrlInput({
    guard: options.guard,
    url: input.url,
    key,
    maxBytes: options.maxInputBytes,
    scratchDir: options.stagingDir,
    signal: options.signal,
    onBytes: options.onBytes,
  });
}
