import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { createStore } from "../../../edge/media/create-store.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import { createS3Store } from "../../../edge/media/s3-store.ts";

import { directSettings, localS3, proxiedSettings } from "./local-s3.ts";
import { bytesOf, describeLists, describeStore, listed } from "./store-conformance.ts";

const deployed = { MEDIA: env.MEDIA };
const r2 = () => createR2Store(env.MEDIA);
const s3 = async () => createS3Store(await localS3());

describeStore("r2", async () => ({ store: r2(), peer: r2() }));
describeStore("s3", async () => ({ store: await s3(), peer: await s3() }));
describeStore("r2-to-s3", async () => ({ store: r2(), peer: await s3() }));
describeStore("s3-to-r2", async () => ({ store: await s3(), peer: r2() }));

describe("lists", () => {
  beforeAll(async () => {
    const keys = [...listed.keys, listed.outsider];
    await Promise.all(keys.map((key) => env.MEDIA.put(key, "x")));
  });
  describeLists("r2", async () => r2());
  describeLists("s3", s3);
});

describe("the store of a deployment", () => {
  test("is the binding in proxied mode, and the S3 endpoint where one of its own is set", async () => {
    const key = "deployment/probe";
    await r2().put(key, bytesOf(3), { size: 3, contentType: "video/mp4" });
    const noBinding = { MEDIA: undefined as unknown as R2Bucket };
    const direct = createStore(noBinding, await directSettings());
    expect(await direct.head(key)).toMatchObject({ size: 3 });
    expect(await createStore(deployed, proxiedSettings()).head(key)).toMatchObject({ size: 3 });
  });

  test("is the binding when the credentials are R2's own", async () => {
    const settings = await directSettings();
    if (settings.direct === null) throw new Error("not direct");
    const endpoint = "https://0123456789abcdef.eu.r2.cloudflarestorage.com";
    const store = createStore(deployed, { direct: { ...settings.direct, endpoint } });
    await store.put("deployment/r2", bytesOf(4), { size: 4, contentType: "video/mp4" });
    expect(await r2().head("deployment/r2")).toMatchObject({ size: 4 });
  });

  test("wrong credentials throw, never read as a missing object", async () => {
    const access = await localS3();
    const store = createS3Store({ ...access, secretAccessKey: "wrong" });
    await expect(store.head("deployment/probe")).rejects.toThrow("403");
    await expect(store.get("deployment/probe")).rejects.toThrow("SignatureDoesNotMatch");
    await expect(store.list("deployment/")).rejects.toThrow("SignatureDoesNotMatch");
  });
});
