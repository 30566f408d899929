/** Uploads a file and goes on with an upload that was cut off: only what is missing is sent. */
import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import type { ApiClient } from "../client/client.ts";
import { type BegunUpload, sendFile } from "../client/send-file.ts";
import type { Video } from "../protocol/http/videos.ts";
import { ApiFailure } from "./client.ts";
import { InterruptedError, UsageError } from "./exit.ts";
import { fileSource } from "./file-source.ts";
import { sendPart } from "./send-part.ts";
import { stateName, type UploadState, uploadState } from "./upload-state.ts";

export interface UploadOptions {
  /** Where uploads are remembered; null: this one begins anew and is not remembered. */
  readonly stateFolder: string | null;
  readonly signal: AbortSignal;
  /** Parts under way at once. */
  readonly concurrency?: number;
  /** Told once, before the first byte is sent, of the bytes that were there already. */
  readonly onBegun?: (uploadId: string, alreadyBytes: number) => void;
  /** Bytes that have arrived or are under way. */
  readonly onSent?: (bytes: number, totalBytes: number) => void;
}

/**
 * @returns the video.
 * @throws UsageError for what is no file, InterruptedError when the signal stopped it, else as `sendFile`.
 */
export async function upload(
  client: ApiClient,
  file: string,
  options: UploadOptions,
): Promise<Video> {
  const handle = await openFile(file);
  let state: UploadState | null = null;
  try {
    state = await stateOf(client, file, handle, options.stateFolder);
    const known = await findKnown(client, state, options.signal);
    if (known.status === "done") {
      state?.forget();
      return known.video;
    }
    const video = await send(client, file, handle, known.begun, state, options);
    state?.forget();
    return video;
  } catch (error) {
    // No video, or too large: the edge has thrown the bytes away, and the next time ends the same.
    if (error instanceof ApiFailure && [413, 415].includes(error.status)) state?.forget();
    if (options.signal.aborted) throw new InterruptedError(stoppedText(options.stateFolder));
    throw error;
  } finally {
    await handle.close();
  }
}

function stoppedText(stateFolder: string | null): string {
  return stateFolder === null
    ? "Stopped. The upload was not to be remembered: it begins anew next time."
    : "Stopped. What has arrived stays: the same command goes on with the rest.";
}

/** @throws UsageError for what is no file that can be uploaded. */
export async function requireFile(file: string): Promise<void> {
  await (await openFile(file)).close();
}

/** Without `O_NONBLOCK` the opening of a pipe waits for whoever writes to it, and no signal ends that. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

async function openFile(file: string): Promise<FileHandle> {
  if (file === "") throw new UsageError(`The file's name is empty. ${GIVE_A_VIDEO}`);
  const handle = await open(file, READ).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new UsageError(missingText(file));
    throw error;
  });
  const found = await handle.stat();
  if (found.isFile() && found.size > 0) return handle;
  await handle.close();
  throw new UsageError(`${file} is ${found.isFile() ? "empty" : "no file"}. ${GIVE_A_VIDEO}`);
}

const GIVE_A_VIDEO = "Give the path of a video.";

function missingText(file: string): string {
  // Node hands on the arguments as text: bytes that are no UTF-8 are lost before they come here.
  if (file.includes("\ufffd")) return `The name ${file} is not UTF-8. Give the file another one.`;
  return `${file} does not exist. ${GIVE_A_VIDEO}`;
}

async function stateOf(
  client: ApiClient,
  file: string,
  handle: FileHandle,
  folder: string | null,
): Promise<UploadState | null> {
  if (folder === null) return null;
  const { size, mtimeMs } = await handle.stat();
  const identity = { path: await realpath(file), size, mtimeMs };
  return uploadState(folder, stateName(client.urlOf("/"), identity));
}

type Known =
  | { readonly status: "send"; readonly begun: BegunUpload | null }
  /** It had arrived whole before, and only the answer was lost. */
  | { readonly status: "done"; readonly video: Video };

const ANEW: Known = { status: "send", begun: null };

/** What the edge says of the upload that is remembered. One that it does not know (any more) begins anew. */
async function findKnown(
  client: ApiClient,
  state: UploadState | null,
  signal: AbortSignal,
): Promise<Known> {
  const begun = state?.read() ?? null;
  if (begun === null) return ANEW;
  try {
    const known = await client.upload(begun.uploadId, signal);
    if (known.state === "rejected") return ANEW;
    if (known.state !== "completed") return { status: "send", begun };
    return { status: "done", video: await client.video(known.videoId, signal) };
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return ANEW;
    throw error;
  }
}

function send(
  client: ApiClient,
  file: string,
  handle: FileHandle,
  begun: BegunUpload | null,
  state: UploadState | null,
  options: UploadOptions,
): Promise<Video> {
  let uploadId = begun?.uploadId ?? "";
  let isTold = false;
  return fileSource(handle, file).then((source) =>
    sendFile(client, source, {
      sendPart,
      signal: options.signal,
      ...(begun === null ? {} : { begun }),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      onState: (now) => {
        if (uploadId !== now.uploadId || now.mode === "direct") state?.write(now);
        uploadId = now.uploadId;
      },
      onSent: (bytes) => {
        if (!isTold) options.onBegun?.(uploadId, bytes);
        isTold = true;
        options.onSent?.(bytes, source.size);
      },
    }),
  );
}
