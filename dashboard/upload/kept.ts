/** Uploads under way, kept over a reload: the file itself cannot be, so it is asked for again and recognised. */
import type { BegunUpload } from "../../client/send-file.ts";
import { readStored, writeStored } from "../lib/storage.ts";

export interface KeptUpload {
  readonly upload: BegunUpload;
  readonly filename: string;
  readonly size: number;
  /** Of the file, milliseconds since the epoch: tells a changed file of the same size apart. */
  readonly lastModified: number;
}

const KEY = "telecine.uploads";

export function keptUploads(): readonly KeptUpload[] {
  try {
    const parsed: unknown = JSON.parse(readStored(KEY) ?? "[]");
    return Array.isArray(parsed) ? parsed.filter(isKept) : [];
  } catch {
    return [];
  }
}

function isKept(value: unknown): value is KeptUpload {
  if (typeof value !== "object" || value === null) return false;
  const { upload, filename, size } = value as Partial<KeptUpload>;
  return (
    typeof filename === "string" &&
    typeof size === "number" &&
    typeof upload?.uploadId === "string" &&
    Array.isArray(upload.parts)
  );
}

export function keepUpload(kept: KeptUpload): void {
  const others = keptUploads().filter(({ upload }) => upload.uploadId !== kept.upload.uploadId);
  writeStored(KEY, JSON.stringify([...others, kept]));
}

export function forgetUpload(uploadId: string): void {
  const others = keptUploads().filter(({ upload }) => upload.uploadId !== uploadId);
  writeStored(KEY, others.length === 0 ? null : JSON.stringify(others));
}

/** The kept upload that this file began. */
export function keptOf(file: File): KeptUpload | null {
  return (
    keptUploads().find(
      ({ filename, size, lastModified }) =>
        filename === file.name && size === file.size && lastModified === file.lastModified,
    ) ?? null
  );
}
