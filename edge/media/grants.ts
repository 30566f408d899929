/**
 * Grants: what an agent may read and write while it holds a lease, signed into a token so that the edge
 * needs no state to check it. It names exact inputs, pinned by ETag, and one attempt's prefix.
 */
import { z } from "zod";
import type { Grant } from "../../protocol/messages.ts";
import type { Settings } from "../env.ts";
import { sourceKey } from "./keys.ts";
import { createPresigner } from "./presign.ts";
import { readToken, signToken } from "./token.ts";

/** A stored object that a lease may read. */
export interface GrantedInput {
  /** Its key in the store. */
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly contentType: string;
}

export interface GrantClaims {
  readonly accountId: string;
  readonly pool: string;
  readonly shard: number;
  readonly jobId: string;
  readonly run: number;
  readonly taskId: string;
  readonly epoch: number;
  /** Stored inputs by input key (`in_1`); inputs that are URLs need no grant. At most 50 fit. */
  readonly inputs: Readonly<Record<string, GrantedInput>>;
  readonly maxOutputBytes: number;
  /** Whether it may read what other tasks of its run made: a merge's may. */
  readonly readsParts: boolean;
}

const PURPOSE = "lease-grant/1";

/** Positional and short: the token travels in every URL of the attempt. */
const payloadSchema = z.object({
  /** Expiry, milliseconds since the epoch. */
  x: z.number(),
  p: z.tuple([z.string(), z.string(), z.number()]),
  t: z.tuple([z.string(), z.number(), z.string(), z.number()]),
  /** Content types, each once; inputs name them by index. */
  c: z.array(z.string()),
  i: z.record(z.string(), z.tuple([z.string(), z.string(), z.number(), z.number()])),
  m: z.number(),
  r: z.literal(1).exactOptional(),
});
type Payload = z.infer<typeof payloadSchema>;

/**
 * Signs a grant that ends `expiresInMs` after `now` (milliseconds since the epoch). In direct mode inputs
 * are presigned URLs of the store with the same end.
 */
export async function mintGrant(
  settings: Settings,
  claims: GrantClaims,
  expiresInMs: number,
  now: number,
): Promise<Grant> {
  const token = await signToken(settings.signingSecret, PURPOSE, pack(claims, now + expiresInMs));
  const base = `/v1/leases/${token}`;
  const presigner = createPresigner(settings);
  const inputs: Record<string, { url: string }> = {};
  for (const [name, input] of Object.entries(claims.inputs)) {
    inputs[name] = {
      url:
        presigner === null
          ? `${base}/inputs/${name}`
          : await presigner.get(input.key, {
              expiresInSeconds: Math.ceil(expiresInMs / 1000),
              now,
            }),
    };
  }
  return { base, expiresInMs, inputs };
}

/** What the token grants, with its end; null if it is forged or `now` is at or past its end. */
export async function readGrant(
  settings: Settings,
  token: string,
  now: number,
): Promise<(GrantClaims & { readonly expiresAt: number }) | null> {
  const read = await readToken(settings.signingSecret, PURPOSE, token);
  if (read === null) return null;
  const parsed = payloadSchema.safeParse(read.payload);
  if (!parsed.success || parsed.data.x <= now) return null;
  return unpack(parsed.data);
}

function pack(claims: GrantClaims, expiresAt: number): Payload {
  const inputs = Object.entries(claims.inputs);
  const types = [...new Set(inputs.map(([, { contentType }]) => contentType))];
  return {
    x: expiresAt,
    p: [claims.accountId, claims.pool, claims.shard],
    t: [claims.jobId, claims.run, claims.taskId, claims.epoch],
    c: types,
    i: Object.fromEntries(
      inputs.map(([name, { key, etag, sizeBytes, contentType }]) => [
        name,
        [shorten(key, claims), etag, sizeBytes, types.indexOf(contentType)],
      ]),
    ),
    m: claims.maxOutputBytes,
    ...(claims.readsParts ? { r: 1 } : {}),
  };
}

function unpack(payload: Payload): GrantClaims & { readonly expiresAt: number } {
  const [accountId, pool, shard] = payload.p;
  const [jobId, run, taskId, epoch] = payload.t;
  const inputs = Object.fromEntries(
    Object.entries(payload.i).map(([name, [key, etag, sizeBytes, type]]) => {
      const contentType = payload.c[type] ?? "application/octet-stream";
      return [name, { key: lengthen(key, { accountId, jobId }), etag, sizeBytes, contentType }];
    }),
  );
  const maxOutputBytes = payload.m;
  const expiresAt = payload.x;
  const readsParts = payload.r === 1;
  return {
    accountId,
    pool,
    shard,
    jobId,
    run,
    taskId,
    epoch,
    inputs,
    maxOutputBytes,
    readsParts,
    expiresAt,
  };
}

type Owner = Pick<GrantClaims, "accountId" | "jobId">;

/** What an input's key begins with. No key in the store begins with the short form. */
const prefixes = [
  { short: "s/", long: ({ accountId }: Owner) => sourceKey(accountId, "") },
  { short: "j/", long: ({ jobId }: Owner) => `jobs/${jobId}/` },
] as const;

function shorten(key: string, owner: Owner): string {
  for (const { short, long } of prefixes) {
    if (key.startsWith(long(owner))) return short + key.slice(long(owner).length);
  }
  return key;
}

function lengthen(key: string, owner: Owner): string {
  for (const { short, long } of prefixes) {
    if (key.startsWith(short)) return long(owner) + key.slice(short.length);
  }
  return key;
}
