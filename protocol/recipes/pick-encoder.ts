/** Which of the encoders that an agent proved does a piece of work. */
import type { EncoderCapability, VideoCodec } from "../media.ts";
import type { Rejection } from "../plan.ts";
import type { Size } from "./parts/geometry.ts";
import { unsupported } from "./parts/rejections.ts";
import { isKnownEncoder } from "./parts/video-encoder.ts";

export interface EncoderNeeds {
  readonly codec: VideoCodec;
  readonly bitDepth: 8 | 10;
  readonly size: Size;
}

export type EncoderChoice =
  | { readonly status: "picked"; readonly capability: EncoderCapability }
  | Rejection;

/**
 * Smallest pictures by encoder, where they matter: NVENC's are NVIDIA's published limits ("Frame Dimension less
 * than the minimum supported value"), SVT-AV1's are those of the 1.x that Debian 12 has.
 */
const smallest: ReadonlyMap<string, Size> = new Map([
  ["h264_nvenc", { width: 146, height: 50 }],
  ["hevc_nvenc", { width: 130, height: 34 }],
  ["av1_nvenc", { width: 192, height: 128 }],
  ["libsvtav1", { width: 64, height: 64 }],
  // "Image size is too small": less than one of its smallest coding tree units.
  ["libx265", { width: 16, height: 16 }],
]);

/** Largest pictures, where they matter: beyond 4096 no card encodes H.264, and says only that it is not capable. */
const LARGEST_H264_SIDE = 4096;

export function isHardware(capability: EncoderCapability): boolean {
  return capability.device !== "cpu";
}

function longest({ size }: EncoderNeeds): number {
  return Math.max(size.width, size.height);
}

function canEncode(capability: EncoderCapability, needs: EncoderNeeds): boolean {
  const least = smallest.get(capability.encoder) ?? { width: 2, height: 2 };
  return (
    // A newer agent may prove encoders that these plans have no arguments for.
    isKnownEncoder(capability.encoder) &&
    capability.codec === needs.codec &&
    capability.bitDepths.includes(needs.bitDepth) &&
    !(isHardware(capability) && needs.codec === "h264" && longest(needs) > LARGEST_H264_SIDE) &&
    needs.size.width >= least.width &&
    needs.size.height >= least.height
  );
}

/**
 * The first fit in the agent's own order, hardware before software. To fall back when a device failed, plan again
 * without its entries.
 */
export function pickEncoder(
  encoders: readonly EncoderCapability[],
  needs: EncoderNeeds,
): EncoderChoice {
  const able = encoders.filter((capability) => canEncode(capability, needs));
  const capability = able.find(isHardware) ?? able[0];
  if (capability !== undefined) return { status: "picked", capability };
  const proved = encoders.filter((other) => other.codec === needs.codec);
  const { width, height } = needs.size;
  return unsupported(
    proved.length === 0
      ? `No encoder for ${needs.codec} is proved on this worker.`
      : `No encoder for ${needs.codec} that is proved on this worker (${proved.map((other) => other.encoder).join(", ")}) takes ${width}x${height} at ${needs.bitDepth} bits.`,
  );
}

/** Whether 10-bit pictures of this codec can be encoded here. */
export function canKeepTenBits(
  encoders: readonly EncoderCapability[],
  codec: VideoCodec,
  size: Size,
): boolean {
  return pickEncoder(encoders, { codec, bitDepth: 10, size }).status === "picked";
}
