/** Every filter that commands may use. What is not here is refused. */
import { audioFilters } from "./audio.ts";
import { colorFilters } from "./color.ts";
import type { FilterSpec } from "./define.ts";
import { lookFilters } from "./look.ts";
import { scopeFilters } from "./scopes.ts";
import { severalFilters } from "./several.ts";
import { soundEffects } from "./sound-effects.ts";
import { sourceFilters } from "./sources.ts";
import { videoFilters } from "./video.ts";

export const filters: ReadonlyMap<string, FilterSpec> = new Map(
  [
    ...[videoFilters, colorFilters, lookFilters, severalFilters, scopeFilters],
    ...[audioFilters, soundEffects, sourceFilters],
  ].flatMap(Object.entries),
);

/** Filters people try that are left out, and why; said in the refusal. */
export const refusedFilters: ReadonlyMap<string, string> = new Map([
  ...[
    "movie",
    "amovie",
    "subtitles",
    "ass",
    "lut3d",
    "lut1d",
    "sofalizer",
    "arnndn",
    "find_rect",
  ].map((name): [string, string] => [name, "it reads files"]),
  ...["vidstabtransform", "cover_rect", "libvmaf", "haldclutsrc", "asr", "whisper"].map(
    (name): [string, string] => [name, "it reads files"],
  ),
  ...["vidstabdetect", "metadata", "ametadata", "signature", "segment", "asegment", "deshake"].map(
    (name): [string, string] => [name, "it reads or writes files"],
  ),
  ...["sendcmd", "asendcmd", "zmq", "azmq"].map((name): [string, string] => [
    name,
    "it commands other filters",
  ]),
  ...["ladspa", "lv2", "frei0r", "frei0r_src", "dnn_processing", "dnn_detect", "dnn_classify"].map(
    (name): [string, string] => [name, "it loads code"],
  ),
  ...["derain", "sr", "openclsrc", "program_opencl", "libplacebo", "coreimage"].map(
    (name): [string, string] => [name, "it loads code"],
  ),
  ...[
    "hwupload",
    "hwdownload",
    "hwmap",
    "hwupload_cuda",
    "scale_cuda",
    "scale_npp",
    "scale_vaapi",
  ].map((name): [string, string] => [name, "the server chooses the hardware"]),
  ["nullsrc", "its pictures are memory as it was found; use color"],
  ["nnedi", "it reads files; use bwdif or yadif"],
  ...["fifo", "afifo"].map((name): [string, string] => [name, "it does nothing; leave it out"]),
  ...[
    ...["volumedetect", "silencedetect", "astats", "ebur128", "cropdetect", "blackdetect"],
    ...["freezedetect", "blackframe", "scdet", "idet", "signalstats", "ssim", "psnr", "vfrdet"],
  ].map((name): [string, string] => [name, "it only writes to the log, which is the server's"]),
  [
    "showspectrum",
    "it has written beyond its pictures in versions in use; use showwaves, or showspectrumpic",
  ],
  ...["realtime", "arealtime"].map((name): [string, string] => [name, "it waits"]),
  ...["showinfo", "ashowinfo", "bench", "abench", "graphmonitor", "agraphmonitor"].map(
    (name): [string, string] => [name, "it is for the log"],
  ),
]);
