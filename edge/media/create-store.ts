import type { Env, Settings } from "../env.ts";
import { createR2Store } from "./r2-store.ts";
import type { Store } from "./store.ts";

export { createPresigner } from "./presign.ts";

/**
 * The store this edge works on. The edge itself always uses the binding, which has no credentials and no
 * egress; `settings.direct` only decides where clients and agents send their bytes (see `createPresigner`).
 */
export function createStore(env: Pick<Env, "MEDIA">, _settings?: Settings): Store {
  return createR2Store(env.MEDIA);
}
