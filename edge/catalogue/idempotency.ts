/** First answers, kept for `Idempotency-Key`. A row without a status is a claim: somebody is answering. */
import { and, eq, isNull, lt, sql } from "drizzle-orm";
import { openCatalogue, statement } from "./db.ts";
import { idempotency } from "./schema.ts";

/** How long a first answer is kept (docs/ARCHITECTURE.md, "What is kept, and for how long"). */
const KEPT_MS = 24 * 60 * 60 * 1000;

export interface IdempotentRequest {
  readonly accountId: string;
  readonly key: string;
  readonly requestHash: string;
}

export type ClaimResult =
  /** The caller answers, and says so with `keepAnswer` or `dropClaim`. `claimedAt` is which claim it is. */
  | { readonly status: "claimed"; readonly createdAt: number; readonly claimedAt: number }
  | {
      readonly status: "answered";
      readonly httpStatus: number;
      readonly answer: string;
      /** Of the file that was answered; null where there was none. */
      readonly fingerprint: string | null;
    }
  | { readonly status: "in_progress" }
  | { readonly status: "mismatch" };

const sameKey = (request: IdempotentRequest) =>
  and(eq(idempotency.accountId, request.accountId), eq(idempotency.key, request.key));

/**
 * Claims the key for this request, or finds the first answer. A claim older than `staleMs` is of a request
 * that died; it is taken over, by one caller only.
 */
export async function claimKey(
  db: D1Database,
  request: IdempotentRequest,
  now: number,
  staleMs: number,
): Promise<ClaimResult> {
  const catalogue = openCatalogue(db);
  const [, inserted, rows] = await catalogue.batch([
    catalogue
      .delete(idempotency)
      .where(and(sameKey(request), lt(idempotency.createdAt, now - KEPT_MS))),
    catalogue
      .insert(idempotency)
      .values({ ...request, createdAt: now, claimedAt: now })
      .onConflictDoNothing()
      .returning({ createdAt: idempotency.createdAt }),
    catalogue.select().from(idempotency).where(sameKey(request)),
  ]);
  if (inserted.length > 0) return { status: "claimed", createdAt: now, claimedAt: now };
  const row = rows[0];
  if (row === undefined) return { status: "in_progress" };
  if (row.requestHash !== request.requestHash) return { status: "mismatch" };
  if (row.status !== null) {
    const { status: httpStatus, answer, fingerprint } = row;
    return { status: "answered", httpStatus, answer: answer ?? "", fingerprint };
  }
  const taken = await catalogue
    .update(idempotency)
    .set({ claimedAt: now })
    .where(
      and(sameKey(request), isNull(idempotency.status), lt(idempotency.claimedAt, now - staleMs)),
    )
    .returning({ createdAt: idempotency.createdAt });
  const claim = taken[0];
  return claim === undefined
    ? { status: "in_progress" }
    : { status: "claimed", createdAt: claim.createdAt, claimedAt: now };
}

/** Keeps the first answer; a later one changes nothing. */
export async function keepAnswer(
  db: D1Database,
  request: IdempotentRequest,
  kept: {
    readonly httpStatus: number;
    readonly answer: string;
    readonly fingerprint: string | null;
  },
): Promise<void> {
  const { httpStatus: status, answer, fingerprint } = kept;
  await openCatalogue(db)
    .update(idempotency)
    .set({ status, answer, fingerprint })
    .where(and(sameKey(request), isNull(idempotency.status)));
}

/** Lets the next try run: this one came to nothing. A claim that another request has taken over meanwhile is its own. */
export async function dropClaim(
  db: D1Database,
  request: IdempotentRequest,
  claimedAt: number,
): Promise<void> {
  await openCatalogue(db)
    .delete(idempotency)
    .where(and(sameKey(request), isNull(idempotency.status), eq(idempotency.claimedAt, claimedAt)));
}

/** Forgets what is older than a day, at most `limit` of it. */
export async function sweepIdempotency(db: D1Database, now: number, limit: number): Promise<void> {
  await statement(
    db,
    sql`
    delete from idempotency where rowid in (
      select rowid from idempotency where created_at < ${now - KEPT_MS} limit ${limit})`,
  ).run();
}
