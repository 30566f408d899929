/** Reads a finished output back with ffprobe: in one run what its head says and what its packets are. */
import { tmpdir } from "node:os";
import { MAX_ALLOC_BYTES, QUIET } from "./argv.ts";
import { tellingSentence } from "./failure.ts";
import { PROBE_ENTRIES, type ProbedFile, parseProbe } from "./ffprobe-json.ts";
import { createPacketScan, PACKET_ENTRIES, type StreamScan } from "./packet-scan.ts";
import { runProcess } from "./process.ts";
import type { Tools } from "./types.ts";

/** Reading every packet of a file of many gigabytes. */
const SCAN_TIMEOUT_MS = 600_000;
/** A stream's facts stand in one line. */
const MAX_LINE_LENGTH = 10_000;
/** Of everything but the packets. */
const MAX_FACTS_LENGTH = 2_000_000;

export type OutputReading =
  | {
      readonly status: "read";
      readonly probed: ProbedFile;
      /** By stream index. */
      readonly packets: ReadonlyMap<number, StreamScan>;
    }
  | { readonly status: "unreadable"; readonly why: string };

/**
 * @param input whitelists and the file, without `-i`, which ffprobe does not need.
 * @throws the signal's reason when it is aborted.
 */
export async function readOutput(
  tools: Tools,
  input: readonly string[],
  signal: AbortSignal,
): Promise<OutputReading> {
  const scan = createPacketScan();
  const facts = createFactsReader(scan.push);
  const result = await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-max_alloc", String(MAX_ALLOC_BYTES)],
      ...["-show_entries", `${PACKET_ENTRIES}:${PROBE_ENTRIES}`, "-of", "json=compact=1"],
      ...input,
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: SCAN_TIMEOUT_MS,
    onStdoutLine: facts.push,
    maxLineLength: MAX_LINE_LENGTH,
  });
  signal.throwIfAborted();
  const probed = result.end.kind === "exited" ? parseProbe(facts.text()) : null;
  if (probed !== null) return { status: "read", probed, packets: scan.streams() };
  return { status: "unreadable", why: tellingSentence(result.stderr) ?? "ffprobe found nothing" };
}

/**
 * Hands over the lines of the packets, of which there may be millions, and keeps the others. ffprobe prints the packets
 * first, an object a line, in an array whose brackets stand alone and are indented by four spaces.
 */
function createFactsReader(onPacketLine: (line: string) => void) {
  const kept: string[] = [];
  let length = 0;
  let isAmongPackets = false;
  return {
    push(line: string): void {
      if (isAmongPackets) {
        isAmongPackets = !/^ {4}\],?$/.test(line);
        if (isAmongPackets) onPacketLine(line);
        return;
      }
      isAmongPackets = /^ {4}"packets": \[$/.test(line);
      if (isAmongPackets || length > MAX_FACTS_LENGTH) return;
      length += line.length;
      kept.push(line);
    },
    text: () => kept.join("\n"),
  };
}
