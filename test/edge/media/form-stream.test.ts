import { describe, expect, test } from "vitest";
import { FormError, formBoundary, readForm } from "../../../edge/media/form-stream.ts";
import { ascii, join } from "./clips.ts";

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

interface Part {
  name: string;
  filename: string | null;
  bytes: Uint8Array;
}

async function partsOf(body: Uint8Array, chunkSize: number, boundary = "b"): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const event of readForm(inChunks(body, chunkSize), boundary)) {
    if (event.type === "part") parts.push({ ...event, bytes: new Uint8Array() });
    else {
      const last = parts.at(-1);
      if (last) last.bytes = join(last.bytes, event.bytes);
    }
  }
  return parts;
}

const head = (name: string, filename?: string) =>
  ascii(
    `Content-Disposition: form-data; name="${name}"${
      filename === undefined ? "" : `; filename="${filename}"`
    }\r\nContent-Type: video/mp4\r\n\r\n`,
  );

/** Bytes full of what looks like the start of a boundary. */
const tricky = ascii("\r\n--\r\n-\r\r\n--a\r\n--B\r\n--");

describe("a form read as a stream", () => {
  test("gives its parts byte for byte, wherever the chunks are cut", async () => {
    const body = join(
      ascii("preamble\r\n--b\r\n"),
      head("note"),
      ascii("\r\n--b \r\n"),
      head("file", "a.mp4"),
      tricky,
      ascii("\r\n--b--\r\nepilogue"),
    );
    for (let size = 1; size < 60; size++) {
      const parts = await partsOf(body, size);
      expect(parts.map(({ name, filename }) => [name, filename])).toEqual([
        ["note", null],
        ["file", "a.mp4"],
      ]);
      expect(parts[0]?.bytes).toEqual(new Uint8Array());
      expect(parts[1]?.bytes).toEqual(tricky);
    }
  });

  test("agrees with what the runtime's own FormData writes", async () => {
    const form = new FormData();
    form.set("file", new File([tricky], 'a "quoted" name.mp4'));
    const request = new Request("https://x.test", { method: "POST", body: form });
    const boundary = formBoundary(request.headers.get("content-type") ?? "");
    const body = new Uint8Array(await request.arrayBuffer());
    const [part] = await partsOf(body, 7, boundary ?? "");
    expect(part).toEqual({
      type: "part",
      name: "file",
      filename: 'a "quoted" name.mp4',
      bytes: tricky,
    });
  });

  test.each([
    ["a token", "name=file; filename=a.mp4", "a.mp4"],
    ["in another order and case", 'FILENAME="a.mp4"; NAME="file"', "a.mp4"],
    [
      "with what looks like another parameter",
      'filename="a; name=x.mp4"; name="file"',
      "a; name=x.mp4",
    ],
    ["with escaped quotes", 'name="file"; filename="a\\"b.mp4"', 'a"b.mp4'],
    ["with percent-encoded quotes", 'name="file"; filename="a%22b.mp4"', 'a"b.mp4'],
    ["beyond ASCII, extended alone", "name=file; filename*=utf-8''na%C3%AFve.mp4", "naïve.mp4"],
    [
      "beyond ASCII, extended beside one that nobody reads",
      "name=file; filename=\"=?utf-8?B?bmHDr3ZlLm1wNA==?=\"; filename*=UTF-8'en'na%C3%AFve.mp4",
      "naïve.mp4",
    ],
    [
      "extended in a charset that nobody promises to read",
      "name=file; filename=a.mp4; filename*=iso-8859-1''b%20c.mp4",
      "a.mp4",
    ],
    ["said twice, by the first", "name=file; filename=a.mp4; filename=b.exe", "a.mp4"],
    ["extended beyond sense", "name=file; filename=a.mp4; filename*=utf-8''%ff.mp4", "a.mp4"],
  ])("gives a file's name %s", async (_how, parameters, filename) => {
    const body = ascii(
      `--b\r\nContent-Disposition: form-data; ${parameters}\r\n\r\nx\r\n--b--\r\n`,
    );
    expect(await partsOf(body, 16)).toMatchObject([{ name: "file", filename }]);
  });

  test.each([
    ["cut off in the bytes", join(ascii("--b\r\n"), head("file"), ascii("abc"))],
    ["cut off before the closing dashes", join(ascii("--b\r\n"), head("file"), ascii("a\r\n--b"))],
    ["cut off in the headers", ascii("--b\r\nContent-Disposition: form-data; na")],
    ["of another boundary", ascii("--c\r\n\r\n")],
    ["empty", new Uint8Array()],
    ["without a name", ascii("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--")],
    ["with endless headers", join(ascii("--b\r\n"), new Uint8Array(20_000).fill(65))],
  ])("is refused when it is %s", async (_how, body) => {
    await expect(partsOf(body, 16)).rejects.toThrow(FormError);
  });

  test("lets go of the body when its reader stops early", async () => {
    const body = new Response(join(ascii("--b\r\n"), head("file"), ascii("abc\r\n--b--"))).body;
    if (body === null) throw new Error("no body");
    const events = readForm(body.values({ preventCancel: true }), "b");
    await events.next();
    await events.return(undefined);
    expect(body.locked).toBe(false);
  });

  test("finds the boundary of its Content-Type, quoted or not", () => {
    expect(formBoundary("multipart/form-data; boundary=abc")).toBe("abc");
    expect(formBoundary('Multipart/Form-Data; charset=x; boundary="a b"')).toBe("a b");
    expect(formBoundary("multipart/form-data")).toBeNull();
    expect(formBoundary("multipart/mixed; boundary=abc")).toBeNull();
  });
});
