/** Where things lie in the bucket. Keys hold ids only, never a client's file name. */

/** A source. One upload writes it once. */
export function sourceKey(accountId: string, videoId: string): string {
  return `sources/${accountId}/${videoId}`;
}

/** Where one attempt writes, and nobody else: an attempt that lost its lease writes where nobody reads. */
export function attemptPrefix(attempt: {
  readonly jobId: string;
  readonly run: number;
  readonly taskId: string;
  readonly epoch: number;
}): string {
  return `jobs/${attempt.jobId}/${attempt.run}/${attempt.taskId}/${attempt.epoch}/`;
}
