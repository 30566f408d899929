/** An upload that nobody came back for: from its expiry on it is gone for clients, and soon for the store. */
import { beforeAll, describe, expect, test } from "vitest";
import { sweepUploads } from "../../../edge/media/sweep-uploads.ts";
import type { CreatedUpload } from "../../../protocol/http/uploads.ts";
import { call, refusal, testEnv } from "./harness.ts";
import { appSettings } from "./output-fixtures.ts";
import {
  complete,
  openUpload,
  partOf,
  putPart,
  sendPart,
  TWO_PARTS,
  twoPartVideo,
} from "./upload-steps.ts";

let file: Uint8Array<ArrayBuffer>;
beforeAll(() => {
  file = twoPartVideo();
});

/** An upload with its first part, whose time is over. */
async function expired(): Promise<CreatedUpload> {
  const upload = await openUpload(TWO_PARTS);
  await sendPart(upload, file, 1);
  await testEnv.DB.prepare("update uploads set expires_at = ?1 where id = ?2")
    .bind(Date.now() - 1, upload.uploadId)
    .run();
  return upload;
}

describe("an upload that has expired", () => {
  test.for([
    ["is not shown", (upload: CreatedUpload) => call(`/v1/uploads/${upload.uploadId}`)],
    ["takes no part", (upload: CreatedUpload) => putPart(upload, 2, partOf(upload, file, 2))],
    ["is not completed", (upload: CreatedUpload) => complete(upload)],
    [
      "is not deleted again",
      (upload: CreatedUpload) => call(`/v1/uploads/${upload.uploadId}`, { method: "DELETE" }),
    ],
  ] as const)("%s: it answers like one that never was", async ([, ask]) => {
    const upload = await expired();
    expect(await refusal(ask(upload))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
      detail: `No upload with id '${upload.uploadId}' exists.`,
    });
  });

  test("goes with its video and its bytes at the next sweep, and a whole one stays", async () => {
    const upload = await expired();
    const other = await openUpload(TWO_PARTS);
    await sweepUploads(testEnv, appSettings(), Date.now());
    expect(await refusal(call(`/v1/videos/${upload.videoId}`))).toMatchObject({
      status: 404,
      code: "VIDEO_NOT_FOUND",
    });
    const rows = await testEnv.DB.prepare("select id from uploads where id in (?1, ?2)")
      .bind(upload.uploadId, other.uploadId)
      .all();
    expect(rows.results).toEqual([{ id: other.uploadId }]);
    const parts = await testEnv.DB.prepare(
      "select count(*) as n from upload_parts where upload_id = ?",
    )
      .bind(upload.uploadId)
      .first("n");
    expect(parts).toBe(0);
  });

  test("was open to its last millisecond: the time is looked at, not only the sweep's work", async () => {
    const upload = await openUpload(TWO_PARTS);
    await sweepUploads(testEnv, appSettings(), Date.parse(upload.expiresAt) - 1);
    await sendPart(upload, file, 1);
    await sendPart(upload, file, 2);
    expect((await complete(upload)).status).toBe(201);
  });
});
