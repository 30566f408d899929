/** Where the samples of an MP4's track lie in the file, from its tables (ISO/IEC 14496-12, section 8.7). Pure. */

/** Contents of the boxes, as they are in the file: after size and type. */
export interface PlaceTables {
  /** `stsz`: the size of each sample. */
  readonly sizes: DataView;
  /** `stsc`: how many samples a chunk has, by runs of chunks. */
  readonly runs: DataView;
  /** `stco`, or `co64` where they are `wide`: where each chunk begins. */
  readonly chunks: DataView;
  readonly wide: boolean;
}

/** In bytes from the file's beginning, in the order of decoding. */
export interface Places {
  readonly begins: Float64Array;
  readonly ends: Float64Array;
}

/** Of `count` samples; null where the tables do not say it of every one, or contradict themselves. */
export function placesOf(tables: PlaceTables, count: number): Places | null {
  const sizeOf = sizesIn(tables.sizes, count);
  const chunkAt = chunksIn(tables);
  const perChunk = runsIn(tables.runs);
  if (sizeOf === null || chunkAt === null || perChunk === null) return null;
  const begins = new Float64Array(count);
  const ends = new Float64Array(count);
  let sample = 0;
  for (let chunk = 0; sample < count; chunk++) {
    const samples = perChunk(chunk);
    let position = chunkAt(chunk);
    if (position === null) return null;
    for (let n = 0; n < samples && sample < count; n++, sample++) {
      begins[sample] = position;
      position += sizeOf(sample);
      ends[sample] = position;
    }
    if (!Number.isSafeInteger(position)) return null;
  }
  return { begins, ends };
}

function sizesIn(data: DataView, count: number): ((sample: number) => number) | null {
  if (data.byteLength < 12 || data.getUint32(8) !== count) return null;
  const size = data.getUint32(4);
  if (size > 0) return () => size;
  return data.byteLength < 12 + count * 4 ? null : (sample) => data.getUint32(12 + sample * 4);
}

function chunksIn({ chunks, wide }: PlaceTables): ((chunk: number) => number | null) | null {
  if (chunks.byteLength < 8) return null;
  const width = wide ? 8 : 4;
  const count = Math.min(chunks.getUint32(4), Math.floor((chunks.byteLength - 8) / width));
  return (chunk) => {
    if (chunk >= count) return null;
    const at = 8 + chunk * width;
    return wide ? Number(chunks.getBigUint64(at)) : chunks.getUint32(at);
  };
}

/** How many samples a chunk has, for chunks that are asked for in their order. */
function runsIn(data: DataView): ((chunk: number) => number) | null {
  if (data.byteLength < 20) return null;
  const count = Math.min(data.getUint32(4), Math.floor((data.byteLength - 8) / 12));
  // The first run begins with the first chunk, which has the number 1.
  if (count === 0 || data.getUint32(8) !== 1) return null;
  let run = 0;
  return (chunk) => {
    while (run + 1 < count && data.getUint32(8 + (run + 1) * 12) <= chunk + 1) run += 1;
    return data.getUint32(8 + run * 12 + 4);
  };
}
