/** Every upload of this page. They go on while the reader looks at other pages; a reload pauses them. */
import { signal } from "@preact/signals";
import { ApiFailure } from "../../client/failure.ts";
import { type BegunUpload, sendFile } from "../../client/send-file.ts";
import type { Video } from "../../protocol/http/videos.ts";
import { api } from "../lib/api.ts";
import { noticeFailure } from "../lib/session.ts";
import { forgetUpload, keepUpload, keptOf, keptUploads } from "./kept.ts";
import { sendPart } from "./send-part.ts";
import { type Sample, speedOf, withSample } from "./speed.ts";

export interface UploadItem {
  /** Of this page alone. */
  readonly id: number;
  readonly filename: string;
  readonly size: number;
  /** `lost`: begun before a reload, and in want of its file. */
  readonly state: "sending" | "finishing" | "paused" | "lost" | "failed" | "done";
  readonly sent: number;
  /** Bytes per second. */
  readonly speed: number | null;
  readonly partsDone: number;
  readonly partCount: number;
  readonly error: unknown;
  readonly video: Video | null;
}

export const uploads = signal<readonly UploadItem[]>([]);

interface Behind {
  readonly file: File | null;
  begun: BegunUpload | null;
  stop: AbortController;
  samples: readonly Sample[];
  /** Settles when the video is there; rejects when the upload is given up. */
  readonly video: PromiseWithResolvers<Video>;
}

const behind = new Map<number, Behind>();
let nextId = 1;

function change(id: number, part: Partial<UploadItem>): void {
  uploads.value = uploads.value.map((item) => (item.id === id ? { ...item, ...part } : item));
}

const itemOf = (id: number) => uploads.value.find((item) => item.id === id);

function add(item: Omit<UploadItem, "id">, file: File | null, begun: BegunUpload | null): number {
  const id = nextId++;
  const video = Promise.withResolvers<Video>();
  // Whoever waits for it is told; where nobody does, the item shows it.
  video.promise.catch(() => undefined);
  behind.set(id, { file, begun, stop: new AbortController(), samples: [], video });
  uploads.value = [...uploads.value, { ...item, id }];
  return id;
}

const fresh = {
  state: "sending",
  sent: 0,
  speed: null,
  partsDone: 0,
  partCount: 0,
  error: undefined,
  video: null,
} as const;

/** What a reload interrupted, for the reader to take up again. */
export function recallUploads(): void {
  if (uploads.value.length > 0) return;
  for (const { upload, filename, size } of keptUploads()) {
    const sent = upload.parts.reduce((sum, part) => sum + part.size, 0);
    const { partCount } = upload;
    const known = { partCount, partsDone: upload.parts.length, sent };
    add({ ...fresh, ...known, filename, size, state: "lost" }, null, upload);
  }
}

/** Sends a file; one that an interrupted upload began with goes on where that stopped. Answers its id. */
export function startUpload(file: File): number {
  const kept = keptOf(file);
  const lost = uploads.value.find(
    ({ id, state }) =>
      state === "lost" && kept !== null && behind.get(id)?.begun?.uploadId === kept.upload.uploadId,
  );
  if (lost !== undefined) remove(lost.id);
  const id = add({ ...fresh, filename: file.name, size: file.size }, file, kept?.upload ?? null);
  void run(id);
  return id;
}

/** The video of an upload, when it is there. */
export function videoOf(id: number): Promise<Video> {
  return behind.get(id)?.video.promise ?? Promise.reject(new Error("The upload was removed."));
}

export function pauseUpload(id: number): void {
  behind.get(id)?.stop.abort();
  change(id, { state: "paused", speed: null });
}

export function resumeUpload(id: number): void {
  void run(id);
}

/** Gives an upload up: its parts are freed. */
export async function cancelUpload(id: number): Promise<void> {
  const own = behind.get(id);
  const wasDone = itemOf(id)?.state === "done";
  own?.stop.abort();
  remove(id);
  own?.video.reject(new Error("The upload was cancelled."));
  if (own?.begun == null || wasDone) return;
  forgetUpload(own.begun.uploadId);
  // Parts of an upload that is never completed are collected in time, whatever becomes of this.
  await api.abortUpload(own.begun.uploadId).catch(noticeFailure);
}

function remove(id: number): void {
  behind.delete(id);
  uploads.value = uploads.value.filter((item) => item.id !== id);
}

async function run(id: number): Promise<void> {
  const own = behind.get(id);
  if (own?.file == null) return;
  own.stop = new AbortController();
  own.samples = [];
  change(id, { state: "sending", error: undefined });
  const { signal: stopped } = own.stop;
  try {
    const video = await send(id, own, own.file, stopped);
    if (own.begun !== null) forgetUpload(own.begun.uploadId);
    change(id, { state: "done", sent: own.file.size, speed: null, video });
    own.video.resolve(video);
  } catch (error) {
    if (stopped.aborted) return;
    noticeFailure(error);
    // An upload that the edge no longer has cannot be gone on with.
    if (
      error instanceof ApiFailure &&
      own.begun !== null &&
      error.status >= 400 &&
      error.status < 500
    ) {
      forgetUpload(own.begun.uploadId);
      own.begun = null;
    }
    change(id, { state: "failed", speed: null, error });
  }
}

function send(id: number, own: Behind, file: File, stopped: AbortSignal): Promise<Video> {
  return sendFile(
    api,
    {
      filename: file.name,
      size: file.size,
      slice: async (start, end) => file.slice(start, end),
    },
    {
      sendPart,
      signal: stopped,
      ...(own.begun === null ? {} : { begun: own.begun }),
      onState: (upload) => {
        own.begun = upload;
        const { name: filename, size, lastModified } = file;
        keepUpload({ upload, filename, size, lastModified });
        change(id, { partsDone: upload.parts.length, partCount: upload.partCount });
      },
      onSent: (sent) => {
        if (stopped.aborted) return;
        own.samples = withSample(own.samples, { at: Date.now(), bytes: sent });
        const state = sent >= file.size ? "finishing" : "sending";
        change(id, { sent, state, speed: speedOf(own.samples) });
      },
    },
  );
}
