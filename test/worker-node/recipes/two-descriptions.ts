/** Two MP4s of pictures alone put one behind the other with a sample description each, as MP4Box and editors do it. */

interface Box {
  readonly type: string;
  readonly body: Buffer;
}

function boxesOf(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    boxes.push({
      type: bytes.toString("latin1", at + 4, at + 8),
      body: bytes.subarray(at + 8, at + size),
    });
    at += size;
  }
  return boxes;
}

function box(type: string, ...bodies: readonly Buffer[]): Buffer {
  const body = Buffer.concat(bodies);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => void bytes.writeUInt32BE(value >>> 0, at * 4));
  return bytes;
}

const table = (type: string, count: number, ...entries: readonly Buffer[]) =>
  box(type, words(0, count), ...entries);

/** Of every table the boxes beside it on the way down to it. */
function find(bytes: Buffer, ...path: readonly string[]): Buffer {
  let body = bytes;
  for (const type of path) {
    const found = boxesOf(body).find((one) => one.type === type);
    if (found === undefined) throw new Error(`no ${type}`);
    body = found.body;
  }
  return body;
}

const STBL = ["moov", "trak", "mdia", "minf", "stbl"] as const;

/** The media's own tables as numbers, after version, flags and count. */
function entriesOf(file: Buffer, type: string): number[] {
  const body = find(file, ...STBL, type);
  return Array.from({ length: (body.length - 8) / 4 }, (_, at) => body.readUInt32BE(8 + at * 4));
}

function sizesOf(file: Buffer): number[] {
  const body = find(file, ...STBL, "stsz");
  return Array.from({ length: body.readUInt32BE(8) }, (_, at) => body.readUInt32BE(12 + at * 4));
}

/**
 * @param first @param second files of ffmpeg with `-movflags +faststart`, without B-frames, each of one video track at the
 * same rate: their tables are joined, and their pictures lie in a chunk each.
 */
export function inTwoDescriptions(first: Buffer, second: Buffer): Buffer {
  const parts = [first, second];
  const data = parts.map((part) => find(part, "mdat"));
  const sizes = parts.map(sizesOf);
  const [delta = 0] = entriesOf(first, "stts").slice(1);
  const counts = sizes.map(({ length }) => length);
  const frames = counts.reduce((sum, count) => sum + count, 0);
  const keys = parts.flatMap((part, at) =>
    entriesOf(part, "stss").map((key) => key + (at === 0 ? 0 : (counts[0] ?? 0))),
  );
  const ftyp = box("ftyp", find(first, "ftyp"));
  const begin = ftyp.length + 8;
  const entries = parts.map((part) => find(part, ...STBL, "stsd").subarray(8));
  const stbl = box(
    "stbl",
    table("stsd", 2, ...entries),
    table("stts", 1, words(frames, delta)),
    table("stss", keys.length, words(...keys)),
    table("stsc", 2, words(1, counts[0] ?? 0, 1), words(2, counts[1] ?? 0, 2)),
    box("stsz", words(0, 0, frames, ...sizes.flat())),
    table("stco", 2, words(begin, begin + (data[0]?.length ?? 0))),
  );
  const length = frames * delta;
  const minf = boxesOf(find(first, "moov", "trak", "mdia", "minf"))
    .filter(({ type }) => type !== "stbl")
    .map(({ type, body }) => box(type, body));
  const mdhd = Buffer.from(find(first, "moov", "trak", "mdia", "mdhd"));
  mdhd.writeUInt32BE(length, 16);
  const scale = mdhd.readUInt32BE(12);
  const mvhd = Buffer.from(find(first, "moov", "mvhd"));
  const shown = Math.round((length * mvhd.readUInt32BE(12)) / scale);
  mvhd.writeUInt32BE(shown, 16);
  const tkhd = Buffer.from(find(first, "moov", "trak", "tkhd"));
  tkhd.writeUInt32BE(shown, 20);
  const hdlr = box("hdlr", find(first, "moov", "trak", "mdia", "hdlr"));
  const mdia = box("mdia", box("mdhd", mdhd), hdlr, box("minf", ...minf, stbl));
  const moov = box("moov", box("mvhd", mvhd), box("trak", box("tkhd", tkhd), mdia));
  return Buffer.concat([ftyp, box("mdat", ...data), moov]);
}
