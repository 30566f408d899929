import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { findUpload } from "../../../edge/catalogue/uploads.ts";
import {
  CLAIM_STALE_MS,
  completeUpload,
  deleteUpload,
} from "../../../edge/media/complete-upload.ts";
import { createUpload, UPLOAD_TTL_MS } from "../../../edge/media/create-upload.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import { receivePart } from "../../../edge/media/receive-part.ts";
import { receiveVideo } from "../../../edge/media/receive-video.ts";
import type { Store } from "../../../edge/media/store.ts";
import { sweepUploads } from "../../../edge/media/sweep-uploads.ts";
import { testEnv } from "../http/harness.ts";
import { clip, padded } from "./clips.ts";
import { proxiedSettings } from "./local-s3.ts";

const settings = proxiedSettings();
const T0 = 1_900_000_000_000;
const accountId = "default";
const file = padded(clip("mp4"), 4096);

function depsAt(now: number, store: Store = createR2Store(env.MEDIA)) {
  return { db: env.DB, store, settings, now: () => now };
}

/** An upload at `T0` whose only part is there. */
async function sentUpload(bytes: Uint8Array = file) {
  const upload = await createUpload(depsAt(T0), {
    accountId,
    filename: "clip.mp4",
    extension: "mp4",
    size: bytes.byteLength,
    mode: "proxied",
    metadata: null,
  });
  const { body } = new Response(bytes as Uint8Array<ArrayBuffer>);
  const declaredBytes = bytes.byteLength;
  const part = await receivePart(depsAt(T0), upload, {
    partNumber: 1,
    body,
    declaredBytes,
    sha256: null,
  });
  if (part.status !== "ok") throw new Error(part.status);
  return {
    upload,
    part: { partNumber: 1, etag: part.etag },
    key: `sources/default/${upload.videoId}`,
  };
}

const sweepAt = (now: number) => sweepUploads(testEnv, settings, now);

async function rowsOf(videoId: string): Promise<Record<string, number>> {
  const row = await env.DB.prepare(
    `SELECT (SELECT count(*) FROM videos WHERE id = ?1) AS videos,
       (SELECT count(*) FROM uploads WHERE video_id = ?1) AS uploads,
       (SELECT count(*) FROM upload_parts JOIN uploads ON id = upload_id WHERE video_id = ?1) AS parts,
       (SELECT count(*) FROM doomed_objects WHERE key LIKE '%' || ?1) AS doomed`,
  )
    .bind(videoId)
    .first<Record<string, number>>();
  return row ?? {};
}

const NOTHING = { videos: 0, uploads: 0, parts: 0, doomed: 0 };

const stateOf = async (videoId: string) =>
  (
    await env.DB.prepare("SELECT state FROM videos WHERE id = ?")
      .bind(videoId)
      .first<{ state: string }>()
  )?.state;

/** As a claimant leaves it that dies right after the store has joined the parts. */
async function crashAfterJoining(bytes?: Uint8Array) {
  const sent = await sentUpload(bytes);
  await env.DB.prepare("UPDATE uploads SET state = 'completing', claimed_at = ? WHERE id = ?")
    .bind(T0, sent.upload.id)
    .run();
  const joined = await depsAt(T0).store.completeMultipart(
    sent.key,
    sent.upload.storeUploadId ?? "",
    [sent.part],
  );
  if (joined.status !== "ok") throw new Error(joined.status);
  return sent;
}

describe("a completion that died after the store had joined the parts", () => {
  test("is finished by whoever completes next, once the claim is stale", async () => {
    const { upload } = await crashAfterJoining();
    const done = await completeUpload(depsAt(T0 + CLAIM_STALE_MS), accountId, upload.id, null);
    expect(done).toMatchObject({ status: "ready", video: { id: upload.videoId, size: 4096 } });
  });

  test("is finished by the sweep, though the upload has expired meanwhile", async () => {
    const { upload } = await crashAfterJoining();
    await sweepAt(T0 + UPLOAD_TTL_MS * 2);
    expect(await stateOf(upload.videoId)).toBe("ready");
  });

  test("is left alone while its claim is fresh", async () => {
    const { upload } = await crashAfterJoining();
    await sweepAt(T0 + CLAIM_STALE_MS - 1);
    expect(await stateOf(upload.videoId)).toBe("uploading");
    await sweepAt(T0 + CLAIM_STALE_MS);
    expect(await stateOf(upload.videoId)).toBe("ready");
  });

  test("is judged all the same: what is no video goes", async () => {
    const { upload, key } = await crashAfterJoining(new Uint8Array(4096).fill(65));
    await sweepAt(T0 + CLAIM_STALE_MS);
    expect(await rowsOf(upload.videoId)).toMatchObject({ videos: 0, uploads: 1, doomed: 0 });
    expect(await env.MEDIA.head(key)).toBeNull();
  });

  test("ends in nothing when its video was deleted meanwhile", async () => {
    const { upload, key } = await crashAfterJoining();
    await env.DB.prepare("DELETE FROM videos WHERE id = ?").bind(upload.videoId).run();
    await sweepAt(T0 + CLAIM_STALE_MS);
    expect(await rowsOf(upload.videoId)).toEqual(NOTHING);
    expect(await env.MEDIA.head(key)).toBeNull();
  });
});

describe("a completion that failed", () => {
  test("gives its claim back, and the next one finds how far it came", async () => {
    const { upload } = await sentUpload();
    const store = createR2Store(env.MEDIA);
    const failing: Store = {
      ...store,
      async completeMultipart(...args) {
        await store.completeMultipart(...args);
        throw new Error("the answer was lost");
      },
    };
    const lost = completeUpload(depsAt(T0, failing), accountId, upload.id, null);
    await expect(lost).rejects.toThrow("the answer was lost");
    const done = await completeUpload(depsAt(T0 + 1), accountId, upload.id, null);
    expect(done).toMatchObject({ status: "ready", video: { id: upload.videoId } });
  });

  test("for missing parts leaves the upload open", async () => {
    const { upload } = await sentUpload();
    await env.DB.prepare("DELETE FROM upload_parts WHERE upload_id = ?").bind(upload.id).run();
    const done = await completeUpload(depsAt(T0), accountId, upload.id, null);
    expect(done).toEqual({ status: "incomplete", detail: "part 1 is missing." });
    expect(await findUpload(env.DB, accountId, upload.id, T0)).toMatchObject({ state: "open" });
  });
});

describe("a completion of parts whose writes overlapped", () => {
  test("finds the etag that the store kept among those it acknowledged", async () => {
    const { upload, part } = await sentUpload();
    // Recorded last, but the store had it first: what it holds is the one recorded before.
    await env.DB.prepare(
      "UPDATE upload_parts SET etag = 'overtaken', rivals = ? WHERE upload_id = ?",
    )
      .bind(JSON.stringify([part.etag]), upload.id)
      .run();
    const done = await completeUpload(depsAt(T0), accountId, upload.id, null);
    expect(done.status).toBe("ready");
  });

  test("works when the one recorded last was stored first", async () => {
    const { upload } = await sentUpload();
    const store = createR2Store(env.MEDIA);
    const { promise: turn, resolve: yieldTurn } = Promise.withResolvers<void>();
    const { promise: stored, resolve: hasStored } = Promise.withResolvers<void>();
    const slow: Store = {
      ...store,
      async putPart(...args) {
        const put = await store.putPart(...args);
        hasStored();
        await turn;
        return put;
      },
    };
    const send = (deps: ReturnType<typeof depsAt>) =>
      receivePart(deps, upload, {
        partNumber: 1,
        body: new Response(file).body,
        declaredBytes: file.byteLength,
        sha256: null,
      });
    const early = send(depsAt(T0 + 1, slow));
    await stored;
    await send(depsAt(T0 + 2, store));
    yieldTurn();
    await early;
    const done = await completeUpload(depsAt(T0 + 3), accountId, upload.id, null);
    expect(done.status).toBe("ready");
  });

  test("names them when the store holds none of those", async () => {
    const { upload } = await sentUpload();
    await env.DB.prepare("UPDATE upload_parts SET etag = 'a', rivals = ? WHERE upload_id = ?")
      .bind(JSON.stringify(["b"]), upload.id)
      .run();
    const done = await completeUpload(depsAt(T0), accountId, upload.id, null);
    expect(done).toMatchObject({ status: "incomplete" });
    if (done.status === "incomplete") expect(done.detail).toContain("to be sent again: 1.");
  });
});

describe("an expired upload", () => {
  test("is gone for its client at once, and its parts with the next sweep", async () => {
    const { upload, part, key } = await sentUpload();
    const late = T0 + UPLOAD_TTL_MS;
    expect(await findUpload(env.DB, accountId, upload.id, late - 1)).not.toBeNull();
    expect(await completeUpload(depsAt(late), accountId, upload.id, null)).toEqual({
      status: "gone",
    });

    await sweepAt(late);
    expect(await rowsOf(upload.videoId)).toEqual(NOTHING);
    const joined = await depsAt(late).store.completeMultipart(key, upload.storeUploadId ?? "", [
      part,
    ]);
    expect(joined.status).toBe("no_upload");
  });

  test("that was completed leaves its video", async () => {
    const { upload, key } = await sentUpload();
    await completeUpload(depsAt(T0), accountId, upload.id, null);
    await sweepAt(T0 + UPLOAD_TTL_MS);
    expect(await rowsOf(upload.videoId)).toMatchObject({ videos: 1, uploads: 0, doomed: 0 });
    expect(await env.MEDIA.head(key)).not.toBeNull();
  });
});

describe("a deletion", () => {
  test("that the store interrupts is finished by the sweep", async () => {
    const { upload } = await sentUpload();
    const failing: Store = {
      ...createR2Store(env.MEDIA),
      abortMultipart: () => Promise.reject(new Error("the store is away")),
    };
    const broken = deleteUpload(depsAt(T0, failing), accountId, upload.id);
    await expect(broken).rejects.toThrow("the store is away");
    expect(await findUpload(env.DB, accountId, upload.id, T0)).toBeNull();
    await sweepAt(T0);
    expect(await rowsOf(upload.videoId)).toEqual(NOTHING);
  });
});

describe("a video that was streamed when the edge died", () => {
  test("leaves rows, parts and object to the sweep, and nothing after it", async () => {
    const store = createR2Store(env.MEDIA);
    const dying = { ...depsAt(T0), db: dyingAfterInsert(env.DB) };
    const bytes = (async function* () {
      yield file;
    })();
    const received = receiveVideo(dying, { accountId, filename: "a.mp4", extension: "mp4", bytes });
    await expect(received).rejects.toThrow("the edge died");
    const left = await env.DB.prepare(
      "SELECT video_id AS id FROM uploads WHERE mode = 'streamed'",
    ).first<{ id: string }>();
    const videoId = left?.id ?? "";
    const key = `sources/default/${videoId}`;
    expect(await store.head(key)).not.toBeNull();

    await sweepAt(T0 + UPLOAD_TTL_MS);
    expect(await rowsOf(videoId)).toEqual(NOTHING);
    expect(await store.head(key)).toBeNull();
  });
});

/** A database that takes the first batch (the rows of the upload) and none after it. */
function dyingAfterInsert(db: D1Database): D1Database {
  let batches = 0;
  return new Proxy(db, {
    get(target, name) {
      if (name !== "batch") return Reflect.get(target, name).bind(target);
      return (statements: D1PreparedStatement[]) => {
        batches += 1;
        if (batches > 1) throw new Error("the edge died");
        return target.batch(statements);
      };
    },
  });
}
