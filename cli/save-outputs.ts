/** Outputs of a job saved on disk, with every file that a playlist or a manifest among them names. */
import path from "node:path";
import type { Job, Output } from "../protocol/http/jobs.ts";
import type { TelecineClient } from "./client.ts";
import { InterruptedError } from "./exit.ts";
import { makeFolder } from "./make-folder.ts";
import { filesNamedBy, isPlainName, namesFiles } from "./presentation-files.ts";
import { fetchText, type Received, saveFile, saveText, type WantedFile } from "./save-file.ts";

/** How far the saving is. */
export interface SaveProgress {
  readonly files: number;
  readonly ofFiles: number;
  readonly bytes: number;
  /** 0 to 1. */
  readonly fraction: number;
}

export interface SaveOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SaveProgress) => void;
}

const AT_ONCE = 4;

/**
 * Saves each output that a completed job lists, under its own name, and with a playlist or manifest the whole
 * presentation; answers with the paths of the listed ones. A file stands under its name once it is whole and, where the
 * job tells its checksum, was compared with that; a playlist once all that it names stands.
 *
 * @throws Error for a name that is no plain file name, before anything is saved; InterruptedError when the signal
 * stopped it.
 */
export async function saveOutputs(
  client: TelecineClient,
  job: Job,
  folder: string,
  options: SaveOptions = {},
): Promise<string[]> {
  const signal = options.signal ?? new AbortController().signal;
  const progress = new SaveTally(options.onProgress);
  try {
    const { media, texts } = await gather(client, job, signal);
    await makeFolder(folder);
    progress.expect([...media, ...texts].map(({ name }) => name));
    await inTurns(media, async (wanted) => {
      const onReceived = (received: Received) => progress.receive(wanted.name, received);
      await saveFile(client, wanted, folder, { signal, onReceived });
      progress.finish(wanted.name);
    });
    // Those that are named by others before these: the listed ones are the last.
    for (const { name, text } of texts.toReversed()) {
      signal.throwIfAborted();
      await saveText(folder, name, text);
      progress.finish(name, Buffer.byteLength(text));
    }
    return job.outputs.map(({ name }) => path.join(folder, name));
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new InterruptedError(
      `Stopped. telecine job ${job.jobId} --out ${folder} saves all of it when there is time.`,
    );
  }
}

interface Gathered {
  /** What is saved as it is. */
  readonly media: readonly WantedFile[];
  /** Playlists and manifests, each before those that it names. */
  readonly texts: readonly { readonly name: string; readonly text: string }[];
}

/** All that the job lists, and what that names, and so on: each file once. */
async function gather(client: TelecineClient, job: Job, signal: AbortSignal): Promise<Gathered> {
  const wanted = new Map(job.outputs.map((output) => [output.name, listed(job, output)]));
  const media: WantedFile[] = [];
  const texts: { readonly name: string; readonly text: string }[] = [];
  // A map goes on to what is added while it is gone through.
  for (const [name, { file, output }] of wanted) {
    if (!isPlainName(name)) {
      throw new Error(`'${name}' is no plain file name: nothing of ${job.jobId} is saved.`);
    }
    if (!namesFiles(name)) {
      media.push(file);
      continue;
    }
    const text = await fetchText(client, file, { signal });
    texts.push({ name, text });
    for (const next of filesNamedBy(name, text)) {
      if (!wanted.has(next)) wanted.set(next, { file: besides(output, next), output });
    }
  }
  return { media, texts };
}

interface Wanted {
  readonly file: WantedFile;
  /** The listed output that led to it. */
  readonly output: Output;
}

/** By the key: no signature that may have ended. */
function listed({ jobId }: Job, output: Output): Wanted {
  const { name, sha256 } = output;
  const route = `/v1/jobs/${encodeURIComponent(jobId)}/outputs/${encodeURIComponent(name)}`;
  return { file: { name, route, sha256 }, output };
}

/**
 * What an output names is relative to its signed URL. There may be thousands of such files, and what is read under the
 * signature does not count as a request of the key.
 */
function besides(output: Output, name: string): WantedFile {
  const { pathname } = new URL(encodeURIComponent(name), output.url);
  return { name, route: pathname, sha256: null };
}

/** Does it for each, some at once; a failure waits for those under way. */
async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  let isFailed = false;
  const work = async () => {
    for (const item of rest) {
      if (isFailed) return;
      await act(item).catch((error: unknown) => {
        isFailed = true;
        throw error;
      });
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
}

/** Adds up how far each file is. */
class SaveTally {
  readonly #onProgress: SaveOptions["onProgress"];
  readonly #parts = new Map<string, { readonly bytes: number; readonly fraction: number }>();
  #files = 0;
  #bytes = 0;
  #whole = 0;

  constructor(onProgress: SaveOptions["onProgress"]) {
    this.#onProgress = onProgress;
  }

  expect(names: readonly string[]): void {
    for (const name of names) this.#parts.set(name, { bytes: 0, fraction: 0 });
  }

  receive(name: string, { bytes, ofBytes }: Received): void {
    this.#set(name, bytes, ofBytes === null ? 0 : bytes / ofBytes);
  }

  finish(name: string, bytes = this.#parts.get(name)?.bytes ?? 0): void {
    this.#files += 1;
    this.#set(name, bytes, 1);
  }

  #set(name: string, bytes: number, fraction: number): void {
    const was = this.#parts.get(name) ?? { bytes: 0, fraction: 0 };
    this.#bytes += bytes - was.bytes;
    this.#whole += fraction - was.fraction;
    this.#parts.set(name, { bytes, fraction });
    this.#onProgress?.({
      files: this.#files,
      ofFiles: this.#parts.size,
      bytes: this.#bytes,
      fraction: this.#whole / this.#parts.size,
    });
  }
}
