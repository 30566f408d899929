/**
 * Where pictures are decoded, scaled and encoded. Recipes say what is done to them, once and for all encoders
 * (`pictureFor`); here that becomes the form of the encoder's family. Pure.
 *
 * - `device`: decoded on the device, scaled there, encoded there; no picture leaves its memory.
 * - `upload`: decoded by the CPU, because the device cannot, then moved to the device and scaled there.
 * - `memory`: decoded and filtered by the CPU, and moved at the end as the encoder wants it.
 *
 * No hardware has run the first two.
 */
import type { EncoderCapability, SourceInfo, VideoStreamInfo } from "../../media.ts";
import { keptGraph } from "./changing-size.ts";
import { isHdr, isRgb } from "./color.ts";
import { type EncodeSettings, encoderArguments } from "./video-encoder.ts";
import { type Picture, type PictureRequest, pictureFor } from "./video-filters.ts";

/** One rendition of the source: what is asked of its pictures, and the encoder that was picked for it. */
export interface BranchRequest {
  readonly capability: EncoderCapability;
  readonly picture: Omit<PictureRequest, "video">;
  readonly settings: EncodeSettings;
}

export interface PipelineBranch {
  /** From the decoder to the encoder. */
  readonly filters: readonly string[];
  /** Of the encoder. */
  readonly output: readonly string[];
  /** As the CPU would do it: its tags, and what quality is measured against. */
  readonly picture: Picture;
}

export interface Pipeline {
  /** Before `-i`. */
  readonly input: readonly string[];
  readonly branches: readonly PipelineBranch[];
}

type Form = "device" | "upload" | "memory";

/** How a family of devices is spoken to. */
interface Family {
  readonly input: readonly string[];
  readonly upload: string;
  readonly scale: string;
}

/** More surfaces than the decoder's own: a look-ahead of 20 holds on to them. */
const SURFACES = ["-extra_hw_frames", "8"];

const families: ReadonlyMap<string, Family> = new Map([
  [
    "cuda",
    {
      input: ["-hwaccel", "cuda", "-hwaccel_output_format", "cuda", ...SURFACES, "-noautorotate"],
      upload: "hwupload_cuda",
      scale: "scale_cuda",
    },
  ],
  [
    "vaapi",
    {
      // `hw` is the device that the agent opens (`-init_hw_device`).
      input: [
        ...["-hwaccel", "vaapi", "-hwaccel_output_format", "vaapi", "-hwaccel_device", "hw"],
        ...SURFACES,
        "-noautorotate",
      ],
      upload: "hwupload",
      scale: "scale_vaapi",
    },
  ],
]);

function familyOf({ device }: EncoderCapability): Family | undefined {
  return families.get(device.split(":", 1)[0] ?? "");
}

/** As capabilities name what a device decodes: `h264:8`, `hevc:10`. */
export function decodeKey(codec: string, bitDepth: number): string {
  return `${codec}:${bitDepth}`;
}

/** Options before `-i` that decode on the device of this kind (`cuda`, `vaapi`); null where there is no such way. */
export function deviceInput(kind: string): readonly string[] | null {
  return families.get(kind)?.input ?? null;
}

/** Filters of a device of this kind: pictures that are on it, brought to a size there. */
export function deviceScale(
  kind: string,
  size: { readonly width: number; readonly height: number },
  bitDepth: 8 | 10,
): string | null {
  const family = families.get(kind);
  return family === undefined
    ? null
    : `${family.scale}=w=${size.width}:h=${size.height}:format=${surface(bitDepth)}`;
}

/** Filters that move pictures of the CPU to a device of this kind. */
export function deviceUpload(kind: string, bitDepth: 8 | 10): readonly string[] | null {
  const family = families.get(kind);
  return family === undefined ? null : [`format=pix_fmts=${surface(bitDepth)}`, family.upload];
}

/** Pictures as these devices hold them. */
function surface(bitDepth: 8 | 10): "nv12" | "p010le" {
  return bitDepth === 10 ? "p010le" : "nv12";
}

/** One decode of the source for all its renditions. */
export function pipelineOf(
  source: SourceInfo,
  video: VideoStreamInfo,
  requests: readonly BranchRequest[],
): Pipeline {
  const [first] = requests;
  const forms = requests.map((request) => formOf(video, request));
  const isOnDevice =
    first !== undefined &&
    forms.every((form) => form === "device") &&
    requests.every(({ capability }) => capability.device === first.capability.device);
  const isInMemory = forms.every((form) => form === "memory");
  const ofDevice = isOnDevice ? (familyOf(first.capability)?.input ?? []) : [];
  const input = isInMemory ? keptGraph(source) : ofDevice;
  return {
    input,
    branches: requests.map((request, at) => {
      const form = forms[at] ?? "memory";
      // Pictures that the CPU decodes for one rendition are there for all.
      return branchOf(video, request, form === "device" && !isOnDevice ? "upload" : form);
    }),
  };
}

function branchOf(video: VideoStreamInfo, request: BranchRequest, form: Form): PipelineBranch {
  const { capability, settings } = request;
  const picture = pictureFor({ video, ...request.picture });
  const { filters, output } = encoderArguments(capability, settings);
  const family = familyOf(capability);
  if (form === "memory" || family === undefined) {
    return { picture, output, filters: [...picture.filters, ...filters] };
  }
  const { framing, bitDepth } = request.picture;
  const { width, height } = framing.size;
  const format = surface(bitDepth);
  return {
    picture,
    output,
    filters: [
      ...picture.timing,
      ...(form === "upload" ? [`format=pix_fmts=${format}`, family.upload] : []),
      `${family.scale}=w=${width}:h=${height}:format=${format}`,
      "setsar=sar=1",
    ],
  };
}

/** Devices decode and scale; everything else that a picture may need is the CPU's. */
function formOf(video: VideoStreamInfo, { capability, picture }: BranchRequest): Form {
  const decodes = capability.decodes;
  if (decodes === undefined || familyOf(capability) === undefined) return "memory";
  const { bitDepth, framing } = picture;
  const isPlain =
    !video.interlaced &&
    video.rotation === 0 &&
    framing.crop === null &&
    video.sampleAspect.num === video.sampleAspect.den &&
    !(isHdr(video) && bitDepth === 8) &&
    !isRgb(video);
  if (!isPlain) return "memory";
  const isFourTwoZero = /^(?:yuvj?420p(?:10le)?|nv12|p010le)$/.test(video.pixelFormat);
  const isSameDepth = video.bitDepth === bitDepth;
  const decodesIt = decodes.includes(decodeKey(video.codec, video.bitDepth));
  return isFourTwoZero && isSameDepth && decodesIt ? "device" : "upload";
}
