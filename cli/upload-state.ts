/**
 * What is remembered of uploads that have begun: one small file for each, named by what is sent where, so that the
 * same command goes on with it. A file that was changed since (its size or its time) is another one.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { z } from "zod";
import type { BegunUpload } from "../client/send-file.ts";

export interface FileIdentity {
  /** Absolute. */
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

export interface UploadState {
  read(): BegunUpload | null;
  write(upload: BegunUpload): void;
  forget(): void;
}

const keptSchema = z.object({
  uploadId: z.string(),
  partSize: z.number().int().positive(),
  partCount: z.number().int().positive(),
  mode: z.enum(["proxied", "direct"]),
  parts: z.array(z.object({ partNumber: z.number().int(), etag: z.string(), size: z.number() })),
});

/** `telecine` under XDG_STATE_HOME (XDG Base Directory Specification 0.8: `~/.local/state` where it is not absolute). */
export function stateFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const given = environment.XDG_STATE_HOME;
  const base = given && path.isAbsolute(given) ? given : path.join(homedir(), ".local/state");
  return path.join(base, "telecine");
}

/** The name of the file that remembers the upload of a file to an edge. */
export function stateName(edgeUrl: string, file: FileIdentity): string {
  const identity = [new URL(edgeUrl).origin, file.path, file.size, file.mtimeMs];
  const hash = createHash("sha256").update(JSON.stringify(identity)).digest("hex");
  return `upload-${hash.slice(0, 32)}.json`;
}

/**
 * The state of one upload in `folder`. What cannot be read counts as none: the upload then begins anew. What cannot be
 * written is done without: the upload itself is not harmed.
 */
export function uploadState(folder: string, name: string): UploadState {
  const file = path.join(folder, name);
  return {
    read: () => {
      try {
        return keptSchema.parse(JSON.parse(readFileSync(file, "utf8")));
      } catch {
        return null;
      }
    },
    write: ({ uploadId, partSize, partCount, mode, parts }) => {
      // The edge knows the parts that went through it; those of a direct upload only we do.
      const kept = { uploadId, partSize, partCount, mode, parts: mode === "direct" ? parts : [] };
      const partial = `${file}.${process.pid}`;
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeFileSync(partial, JSON.stringify(kept), { mode: 0o600 });
        renameSync(partial, file);
      } catch {
        remove(partial);
      }
    },
    forget: () => remove(file),
  };
}

/** What cannot be removed was not there, or does no harm: an upload that is over is found out by asking. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {}
}
