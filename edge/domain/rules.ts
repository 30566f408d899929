/** The durations and guards that the machine goes by. Durations are milliseconds. */

/**
 * The safeguards, each of which can be taken out, so that a test can show what each one prevents. Production
 * code has them all; nothing but tests ever builds another record.
 */
export interface Guards {
  /** A message counts only for the live attempt's epoch. */
  readonly staleEpoch: boolean;
  /** A message counts only from the lease's holder. */
  readonly holder: boolean;
  /** A result of a check counts only for the attempt that is being checked. */
  readonly verifyEpoch: boolean;
  /** Terminal states absorb every event but a retry. */
  readonly terminalAbsorbs: boolean;
  /** Only movement that grew renews a lease. */
  readonly movementRenews: boolean;
  /** A task fails when its attempts are used up. */
  readonly attemptCap: boolean;
  /** Past an allowance a released lease counts as an attempt. */
  readonly releaseCap: boolean;
  /** An expiry counts as an attempt. */
  readonly expiryCounts: boolean;
  /** Every grant takes a new epoch. */
  readonly epochGrows: boolean;
  /** A retry keeps the epoch. */
  readonly retryKeepsEpoch: boolean;
  /** A task that has a lease is not granted again. */
  readonly oneLease: boolean;
  /** An alarm expires nothing before its deadline. */
  readonly deadline: boolean;
  /** A lease that the pool lost sight of is not expired before its grace is over. */
  readonly grace: boolean;
  /** The close of an older session does not shorten a lease that a newer one holds. */
  readonly sessionHolds: boolean;
  /** Reconnecting alone keeps no lease alive. */
  readonly resumeOnce: boolean;
  /** A completion is checked before it counts. */
  readonly verifyFirst: boolean;
  /** A completion without outputs is a failure. */
  readonly nonEmpty: boolean;
  /** No worker is given more than its free slots. */
  readonly slots: boolean;
  /** A lease takes a slot for each session that its plan may open. */
  readonly slotsByNeed: boolean;
  /** A task that waits for room keeps the worker that is nearest to having it. */
  readonly reserves: boolean;
  /** What is shown of progress never falls within an attempt. */
  readonly progressHolds: boolean;
  /** A repeated message is answered as it was the first time. */
  readonly sameAnswer: boolean;
  /** A merge waits until every chunk and the audio are done. */
  readonly partsFirst: boolean;
  /** The first accepted copy of a chunk stops the others. */
  readonly oneWinner: boolean;
  /** A chunk is copied once in a run, whatever becomes of the copy. */
  readonly copiedOnce: boolean;
  /** A chunk made with another encoder or configuration than the first accepted one is refused. */
  readonly pinned: boolean;
}

export const allGuards: Guards = {
  staleEpoch: true,
  holder: true,
  verifyEpoch: true,
  terminalAbsorbs: true,
  movementRenews: true,
  attemptCap: true,
  releaseCap: true,
  expiryCounts: true,
  epochGrows: true,
  retryKeepsEpoch: true,
  oneLease: true,
  deadline: true,
  grace: true,
  sessionHolds: true,
  resumeOnce: true,
  verifyFirst: true,
  nonEmpty: true,
  slots: true,
  slotsByNeed: true,
  reserves: true,
  progressHolds: true,
  sameAnswer: true,
  partsFirst: true,
  oneWinner: true,
  copiedOnce: true,
  pinned: true,
};

export interface Rules {
  /** Without movement for this long a lease expires. */
  readonly leaseTtlMs: number;
  /** A close that the pool sees leaves a lease this long for its agent to come back. */
  readonly reconnectGraceMs: number;
  /** How long one check of outputs may take before it is asked for again. */
  readonly verifyTimeoutMs: number;
  readonly guards: Guards;
}

/** Completing a multipart upload of some gigabytes and reading it back once takes seconds; this is ample. */
const VERIFY_TIMEOUT_MS = 120_000;

/** The rules that follow from the settings. */
export function rulesOf(settings: {
  readonly leaseTtlSeconds: number;
  readonly reconnectGraceSeconds: number;
}): Rules {
  return {
    leaseTtlMs: settings.leaseTtlSeconds * 1000,
    reconnectGraceMs: settings.reconnectGraceSeconds * 1000,
    verifyTimeoutMs: VERIFY_TIMEOUT_MS,
    guards: allGuards,
  };
}
