import type { Env, Settings } from "../env.ts";
import { createR2Store } from "./r2-store.ts";
import { createS3Store } from "./s3-store.ts";
import type { Store } from "./store.ts";

export { createPresigner } from "./presign.ts";

/**
 * The store that this edge works on. On R2 the edge itself uses the binding, which needs no signature, and
 * credentials only let clients and agents send their bytes past the Worker; with any other S3 endpoint that
 * endpoint is the store, for the bytes that went there directly are nowhere else.
 */
export function createStore(env: Pick<Env, "MEDIA">, settings: Pick<Settings, "direct">): Store {
  const { direct } = settings;
  return direct === null || isR2(direct.endpoint)
    ? createR2Store(env.MEDIA)
    : createS3Store(direct);
}

/** `<account>.r2.cloudflarestorage.com`, or `<account>.<jurisdiction>.r2...`. */
function isR2(endpoint: string): boolean {
  return new URL(endpoint).hostname.endsWith(".r2.cloudflarestorage.com");
}
