/** Other names of options, and the names that are refused with a reason of their own. */

export interface Named {
  readonly name: string;
  readonly specifier: string | null;
}

const aliases: Readonly<Record<string, Named>> = {
  vcodec: { name: "c", specifier: "v" },
  acodec: { name: "c", specifier: "a" },
  scodec: { name: "c", specifier: "s" },
  codec: { name: "c", specifier: null },
  vf: { name: "filter", specifier: "v" },
  af: { name: "filter", specifier: "a" },
  lavfi: { name: "filter_complex", specifier: null },
  vframes: { name: "frames", specifier: "v" },
  aframes: { name: "frames", specifier: "a" },
  vb: { name: "b", specifier: "v" },
  ab: { name: "b", specifier: "a" },
  aq: { name: "q", specifier: "a" },
  qscale: { name: "q", specifier: null },
  vtag: { name: "tag", specifier: "v" },
  atag: { name: "tag", specifier: "a" },
  vbsf: { name: "bsf", specifier: "v" },
  absf: { name: "bsf", specifier: "a" },
  vsync: { name: "fps_mode", specifier: null },
  x264opts: { name: "x264-params", specifier: null },
  ch_layout: { name: "channel_layout", specifier: null },
};

/** What an option's text names: its name and, after a colon, its streams. */
export function optionNamed(text: string): Named {
  const colon = text.indexOf(":");
  const given = colon < 0 ? text : text.slice(0, colon);
  const specifier = colon < 0 ? null : text.slice(colon + 1);
  const alias = Object.hasOwn(aliases, given) ? aliases[given] : undefined;
  if (alias === undefined) return { name: given, specifier };
  return specifier === null ? alias : { name: alias.name, specifier };
}

const because = (why: string, names: string): readonly (readonly [string, string])[] =>
  names
    .split(/\s+/)
    .filter((name) => name !== "")
    .map((name) => [name, why] as const);

/** Why an option is refused that people do try. */
export const refusedOptions: ReadonlyMap<string, string> = new Map([
  ...because("the server names the formats; give the output's format with the job", "f format"),
  ...because(
    "the server chooses protocols",
    "protocol_whitelist protocol_blacklist format_whitelist codec_whitelist safe allowed_extensions",
  ),
  ...because(
    "the log and the terminal are the server's",
    "y n v loglevel report hide_banner progress stats nostats stats_period stdin nostdin debug_ts dump hex benchmark benchmark_all timelimit abort_on xerror max_error_rate stats_enc_pre stats_enc_post print_graphs debug",
  ),
  ...because(
    "the server chooses the hardware",
    "hwaccel hwaccel_device hwaccel_output_format hwaccel_flags init_hw_device filter_hw_device vaapi_device qsv_device gpu surfaces extra_hw_frames",
  ),
  ...because(
    "threads and memory are the server's",
    "threads filter_threads filter_complex_threads cpuflags cpucount max_alloc max_pixels thread_type",
  ),
  ...because(
    "it reads or writes files",
    "attach dump_attachment vstats vstats_file passlogfile pass sdp_file filter_complex_script filter_script fpre vpre apre spre pre target stats passlog cqm qpfile vmaf_model print_graphs_file sdp stats_mux_pre",
  ),
  ...because(
    "it has no meaning for a job",
    "re readrate shell L h help version formats codecs devices sources sinks override_ffserver tee",
  ),
  ["map_channel", "it is gone from ffmpeg; use -af pan, as pan=mono|c0=c0"],
  ["async", "it is gone from ffmpeg; use -af aresample=async=1"],
  ["vol", "it is gone from ffmpeg; use -af volume"],
  ["sameq", "it is gone from ffmpeg; use -crf"],
  ...because("images are no inputs", "framerate pattern_type start_number loop_input"),
]);
