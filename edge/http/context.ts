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
}

export interface AppEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    settings: Settings;
    principal: Principal;
  };
}
