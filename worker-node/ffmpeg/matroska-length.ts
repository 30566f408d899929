/** How long a Matroska or WebM file is that does not say so, as browsers and encoders of live streams write it. */

import { type ByteReader, type Element, elementsIn } from "../../protocol/matroska/ebml.ts";
import { lastTimestamp } from "../../protocol/matroska/last-timestamp.ts";
import { CLUSTER, findSegment, INFO, readTickNs } from "../../protocol/matroska/segment.ts";
import type { SourceInfo } from "../../protocol/media.ts";
import { averageFps } from "../../protocol/recipes/parts/timing.ts";
import { createHttpReader } from "./http-ranges.ts";
import type { ProbeRequest } from "./types.ts";

/** A cluster of 5 MB has some ten thousand blocks; more is a file that leads in circles. */
const MAX_READS = 100_000;

/** The source with the length that its last frame tells; as it was where there is none to be found. */
export async function withLengthFound(
  source: SourceInfo,
  request: Pick<ProbeRequest, "url" | "sizeBytes" | "signal">,
): Promise<SourceInfo> {
  const seconds = await lastFrameSeconds(countedReader(request), request.sizeBytes).catch(
    () => null,
  );
  request.signal.throwIfAborted();
  if (seconds === null || seconds <= 0) return source;
  const fps = source.video === null ? null : averageFps(source.video);
  const frame = fps === null || fps < 1 ? 0 : 1 / fps;
  return { ...source, durationSeconds: seconds + frame, isLengthFound: true };
}

function countedReader({
  url,
  sizeBytes,
  signal,
}: Pick<ProbeRequest, "url" | "sizeBytes" | "signal">): ByteReader {
  const reader = createHttpReader(url, sizeBytes, signal);
  let reads = 0;
  return {
    read(start, end) {
      reads += 1;
      if (reads > MAX_READS) throw new RangeError("the last cluster has too many elements");
      return reader.read(start, end - start);
    },
  };
}

/** When the last frame of the last cluster begins, on the file's own clock. */
async function lastFrameSeconds(reader: ByteReader, sizeBytes: number): Promise<number | null> {
  const segment = await findSegment(reader, sizeBytes);
  if (segment === null) return null;
  const tickNs = await readTickNs(reader, await infoOf(reader, segment));
  const ticks = await lastTimestamp(reader, segment);
  return ticks === null ? null : (ticks * tickNs) / 1e9;
}

/** Before the first cluster: what stands behind is not looked for. */
async function infoOf(reader: ByteReader, segment: Element): Promise<Element | null> {
  for await (const element of elementsIn(reader, segment.start, segment.end)) {
    if (element.id === INFO) return element;
    if (element.id === CLUSTER) return null;
  }
  return null;
}
