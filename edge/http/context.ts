/** What every handler finds on Hono's context. */
import type { Env, Settings } from "../env.ts";

export type Scope = "read" | "write" | "admin";

/** Who is asking: set by the key check of `auth.ts` before any handler runs. */
export interface Principal {
  readonly accountId: string;
  /** Null for the root key. */
  readonly keyId: string | null;
  readonly scopes: readonly Scope[];
  /** Only the root key names other accounts. */
  readonly isRoot: boolean;
  /** Of a request that came with the dashboard's cookie; `expiresAt` in milliseconds since the epoch. */
  readonly session: { readonly expiresAt: number } | null;
}

/** The same for every try of one idempotent request, so that a second try makes what the first one made. */
export interface IdempotentId {
  /** When the first try came, milliseconds since the epoch. */
  readonly createdAt: number;
  /** 64 hex digits. */
  readonly seed: string;
}

export interface AppEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    /** Of the request's `traceparent`, or made for it. */
    traceId: string;
    settings: Settings;
    principal: Principal;
    /** Of a request with an `Idempotency-Key`: what ids made from it are derived from (`idempotency.ts`). */
    idempotentId?: IdempotentId;
    /** Of such a request, the file that it sent (`file-fingerprint.ts`); set by its handler. */
    fingerprint?: string;
  };
}
