/** Accepted outputs as clients see them, with signed URLs. */
import type { Output } from "../../protocol/http/jobs.ts";
import type { AcceptedOutput } from "../domain/model.ts";
import type { Settings } from "../env.ts";
import { signOutputUrl } from "./signed-urls.ts";

/** Renders outputs of one run that has completed, without the parts that are reached through them; the URLs are good for `OUTPUT_URL_TTL_SECONDS` from `now` (milliseconds). */
export function viewOutputs(
  settings: Settings,
  of: {
    readonly origin: string;
    readonly accountId: string;
    readonly jobId: string;
    readonly run: number;
  },
  outputs: readonly AcceptedOutput[],
  now: number,
): Promise<Output[]> {
  return Promise.all(
    outputs
      .filter(({ role }) => role !== "part")
      .map(async ({ name, contentType, sizeBytes, format, media, sha256, quality }) => ({
        name,
        url: await signOutputUrl(settings, { ...of, isWhole: true, name, now }),
        contentType,
        size: sizeBytes,
        format,
        durationSeconds: media.durationSeconds,
        width: media.width,
        height: media.height,
        videoCodec: media.videoCodec,
        audioCodec: media.audioCodec,
        bitrateKbps: media.bitrateKbps,
        sha256,
        quality: quality ?? null,
      })),
  );
}
