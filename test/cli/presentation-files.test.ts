import { describe, expect, test } from "vitest";
import { filesNamedBy, isPlainName } from "../../cli/presentation-files.ts";

describe("the files of a presentation", () => {
  test("are what a playlist's lines and URI attributes name, each once", () => {
    const text = [
      "#EXTM3U",
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="a,URI=b",URI="a1.m3u8"',
      '#EXT-X-MAP:URI="v1.mp4",BYTERANGE="800@0"',
      "#EXT-X-STREAM-INF:BANDWIDTH=1",
      "v1.m3u8\r",
      "#EXTINF:4.000000,",
      "#EXT-X-BYTERANGE:10@20",
      "v1.mp4",
      '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="v1-iframes.m3u8"',
      "",
    ].join("\n");
    expect(filesNamedBy("result.m3u8", text)).toEqual([
      "a1.m3u8",
      "v1.mp4",
      "v1.m3u8",
      "v1-iframes.m3u8",
    ]);
  });

  test("are what a manifest's lists and base addresses point to, each once", () => {
    const text = `<MPD><Representation id="cues"><BaseURL>s1.vtt</BaseURL></Representation>
      <SegmentList><Initialization sourceURL="v1.mp4" range="0-799"/>
      <SegmentURL media="v1.mp4" mediaRange="800-900"/><SegmentURL media="v1-c2.mp4"/></SegmentList></MPD>`;
    expect(filesNamedBy("result.mpd", text)).toEqual(["s1.vtt", "v1.mp4", "v1-c2.mp4"]);
  });

  test.each(["result.m3u8", "v1-00001.m4s", "a_b-c.mp4"])("may be called %s", (name) => {
    expect(isPlainName(name)).toBe(true);
  });

  test.each([
    ...["", ".", "..", "../a", "a/b", "/etc/passwd", "a\\b", "c:a", ".bashrc", "a b", "a\u0000"],
    ...["https://example.com/a", "%2e%2e", "ä", "x".repeat(201)],
  ])("may not be called %j: it might stand elsewhere", (name) => {
    expect(isPlainName(name)).toBe(false);
  });
});
