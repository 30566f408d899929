/** Where things lie in the bucket. Keys hold ids only, never a client's file name. */

/** A source. One upload writes it once. */
export function sourceKey(accountId: string, videoId: string): string {
  return `sources/${accountId}/${videoId}`;
}

/** Under it lie the bytes of an upload that do not fill a part yet. */
export function tailPrefix(upload: { readonly accountId: string; readonly id: string }): string {
  return `tails/${upload.accountId}/${upload.id}/`;
}

/** Each request that appends writes its own, once. */
export function tailKey(
  upload: { readonly accountId: string; readonly id: string },
  writer: string,
): string {
  return tailPrefix(upload) + writer;
}

/** Everything that the attempts of one run wrote: what is deleted of it can never be a later run's. */
export function runPrefix(of: { readonly jobId: string; readonly run: number }): string {
  return `jobs/${of.jobId}/${of.run}/`;
}

/** Where one attempt writes, and nobody else: an attempt that lost its lease writes where nobody reads. */
export function attemptPrefix(attempt: {
  readonly jobId: string;
  readonly run: number;
  readonly taskId: string;
  readonly epoch: number;
}): string {
  return `${runPrefix(attempt)}${attempt.taskId}/${attempt.epoch}/`;
}
