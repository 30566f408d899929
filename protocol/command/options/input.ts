/** Options that stand before `-i`, and those of the whole command. */
import { decoders } from "../encoders.ts";
import {
  flags,
  int,
  listOf,
  MAX_RATE,
  MAX_SECONDS,
  oneOf,
  quantity,
  rate,
  time,
} from "../values.ts";
import { each, type OptionTable, perStream, plain } from "./define.ts";

const MAX_LOOPS = 1000;

export const inputOptions: OptionTable = {
  ss: plain(time(0, MAX_SECONDS)),
  sseof: plain(time(-MAX_SECONDS, 0)),
  t: plain(time(0, MAX_SECONDS)),
  to: plain(time(0, MAX_SECONDS)),
  itsoffset: plain(time(-3600, 3600)),
  r: perStream(rate(1, MAX_RATE)),
  c: perStream(oneOf(...decoders)),
  stream_loop: plain(int(-1, MAX_LOOPS)),
  seek_timestamp: plain(oneOf("0", "1")),
  ...each(
    ["accurate_seek", "noaccurate_seek", "autorotate", "noautorotate", "an", "vn", "sn", "dn"],
    plain(null),
  ),
  thread_queue_size: plain(int(8, 4096)),
  probesize: plain(quantity(32, 200_000_000)),
  analyzeduration: plain(quantity(0, 200_000_000)),
  fflags: plain(flags("genpts", "igndts", "discardcorrupt", "sortdts", "nofillin", "fastseek")),
  err_detect: plain(flags("ignore_err", "crccheck", "bitstream", "buffer", "careful", "compliant")),
  ignore_editlist: plain(oneOf("0", "1")),
  discard: perStream(oneOf("none", "default", "noref", "bidir", "nokey", "all")),
  skip_frame: perStream(oneOf("none", "default", "noref", "bidir", "nokey", "nointra")),
};

export const globalOptions: OptionTable = {
  filter_complex: plain(null, { graph: "complex" }),
  ...each(["copyts", "start_at_zero", "ignore_unknown"], plain(null)),
  copytb: plain(int(-1, 1)),
};

/** Seconds parted by commas; of `-force_key_frames`. */
export const keyTimes = listOf(time(0, MAX_SECONDS), ",", 500);
