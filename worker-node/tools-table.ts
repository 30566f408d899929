/** What was proved on this machine, as people read it: a line for each encoder on each device. Pure. */
import type { Capabilities, EncoderCapability } from "../protocol/media.ts";
import type { Refusal } from "./ffmpeg/index.ts";

const HEADINGS = ["device", "codec", "encoder", "bits", "sessions", "pictures", "decodes"] as const;

/** The table of `--print-tools`; what was tried and refused stands below, with ffmpeg's own words. */
export function toolsTable(
  { encoders }: Pick<Capabilities, "encoders">,
  refusals: readonly Refusal[],
): string {
  const rows = [HEADINGS, ...encoders.map(cellsOf)];
  const widths = HEADINGS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  "));
  const refused = refusals.map(
    ({ encoder, device, bitDepth, reason }) =>
      `  ${encoder} on ${device}, ${bitDepth} bits: ${reason}`,
  );
  return [
    ...lines.map((line) => line.trimEnd()),
    ...(refused.length === 0 ? [] : ["", "Tried and refused:", ...refused]),
    "",
  ].join("\n");
}

function cellsOf(capability: EncoderCapability): readonly string[] {
  const { device, codec, encoder, bitDepths, maxSessions, decodes } = capability;
  return [
    device,
    codec,
    encoder,
    bitDepths.join("+"),
    maxSessions === null ? "CPU" : String(maxSessions),
    picturesOf(capability),
    decodes === undefined ? "-" : decodes.join(" ") || "-",
  ];
}

/** Where the pictures are scaled. */
function picturesOf({ decodes }: EncoderCapability): string {
  return decodes === undefined ? "in memory" : "on the device";
}
