/** Playlists, scripts and lists that ffmpeg would open by their content, whatever they are called. */

/** What a disguise is after: a file and a server that must not be touched. */
export interface Aim {
  readonly file: string;
  readonly url: string;
  readonly port: number;
}

export interface Disguise {
  readonly name: string;
  readonly text: (aim: Aim) => string;
}

const hls = (entry: string, before = "") =>
  `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:9\n${before}#EXTINF:9,\n${entry}\n#EXT-X-ENDLIST\n`;
const concat = (...lines: readonly string[]) => `ffconcat version 1.0\n${lines.join("\n")}\n`;
const dash = (inner: string) =>
  `<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="0" bandwidth="1" codecs="avc1.42c00d" width="320" height="180">${inner}</Representation></AdaptationSet></Period></MPD>\n`;
const sdp = (address: string, port: number) =>
  `v=0\no=- 0 0 IN IP4 ${address}\ns=x\nc=IN IP4 ${address}\nt=0 0\nm=video ${port} RTP/AVP 96\na=rtpmap:96 H264/90000\n`;

export const disguises: readonly Disguise[] = [
  { name: "HLS of a server", text: ({ url }) => hls(url) },
  { name: "HLS of a file", text: ({ file }) => hls(`file:${file}`) },
  { name: "HLS of a bare path", text: ({ file }) => hls(file) },
  { name: "HLS of concat:", text: ({ file }) => hls(`concat:${file}|${file}`) },
  { name: "HLS of subfile", text: ({ file }) => hls(`subfile,,start,0,end,64,,:${file}`) },
  { name: "HLS of crypto:", text: ({ file }) => hls(`crypto+file:${file}`) },
  { name: "HLS of data:", text: () => hls("data:video/mp2t;base64,R0AAAAA=") },
  { name: "HLS of tcp:", text: ({ port }) => hls(`tcp://127.0.0.1:${port}`) },
  { name: "HLS of rtmp:", text: ({ port }) => hls(`rtmp://127.0.0.1:${port}/live/x`) },
  { name: "HLS of gopher:", text: ({ port }) => hls(`gopher://127.0.0.1:${port}/1x`) },
  { name: "HLS of udp:", text: ({ port }) => hls(`udp://127.0.0.1:${port}`) },
  {
    name: "HLS with a key",
    text: ({ url }) => hls(url, `#EXT-X-KEY:METHOD=AES-128,URI="${url}"\n`),
  },
  {
    name: "HLS with a key in a file",
    text: ({ file, url }) => hls(url, `#EXT-X-KEY:METHOD=AES-128,URI="file:${file}"\n`),
  },
  { name: "HLS with a map", text: ({ url }) => hls(url, `#EXT-X-MAP:URI="${url}"\n`) },
  {
    name: "HLS that begins late",
    text: ({ url }) => `\n\n#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${url}\n`,
  },
  { name: "ffconcat of a file", text: ({ file }) => concat(`file '${file}'`) },
  { name: "ffconcat of a server", text: ({ url }) => concat(`file '${url}'`) },
  { name: "ffconcat of a protocol", text: ({ file }) => concat(`file 'concat:${file}'`) },
  {
    name: "ffconcat with options",
    text: ({ url }) => concat(`file '${url}'`, "option protocol_whitelist file,http,tcp"),
  },
  { name: "DASH with a base", text: ({ url }) => dash(`<BaseURL>${url}</BaseURL>`) },
  { name: "DASH of a file", text: ({ file }) => dash(`<BaseURL>file://${file}</BaseURL>`) },
  {
    name: "DASH with a template",
    text: ({ url }) =>
      dash(`<SegmentTemplate media="${url}" initialization="${url}" duration="1" timescale="1"/>`),
  },
  { name: "SDP", text: ({ port }) => sdp("127.0.0.1", port) },
  { name: "SDP of a group", text: () => sdp("239.0.0.1", 5004) },
  { name: "a list of images", text: ({ file }) => `${file}\n`.repeat(20) },
  {
    name: "a document with entities",
    text: ({ file }) =>
      `<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY e SYSTEM "file://${file}">]>\n<MPD>&e;</MPD>\n`,
  },
  {
    name: "a composition (IMF)",
    text: ({ url }) =>
      `<?xml version="1.0"?>\n<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2013"><Id>urn:uuid:0</Id><Asset>${url}</Asset></CompositionPlaylist>\n`,
  },
  { name: "a playlist (PLS)", text: ({ url }) => `[playlist]\nFile1=${url}\nNumberOfEntries=1\n` },
  {
    name: "a playlist (ASX)",
    text: ({ url }) => `<asx version="3.0"><entry><ref href="${url}"/></entry></asx>\n`,
  },
  {
    name: "a reference movie",
    text: ({ url }) => `RTSPtext\nrtsp://127.0.0.1/x\n[Reference]\nRef1=${url}\n`,
  },
  { name: "a frame-server script", text: ({ file }) => `AviSource("${file}")\n` },
  {
    name: "subtitles",
    text: ({ file }) => `1\n00:00:00,000 --> 00:00:09,000\n<img src="${file}">\n`,
  },
  { name: "metadata", text: ({ file }) => `;FFMETADATA1\ntitle=${file}\n` },
];

/** Inputs in ffmpeg's own language, as an address: nobody can give them, and the sandbox holds them all the same. */
export const addresses: readonly Disguise[] = [
  { name: "file:", text: ({ file }) => `file:${file}` },
  { name: "a path", text: ({ file }) => file },
  { name: "concat:", text: ({ file }) => `concat:${file}|${file}` },
  { name: "subfile", text: ({ file }) => `subfile,,start,0,end,64,,:${file}` },
  { name: "crypto:", text: ({ file }) => `crypto:${file}` },
  { name: "cache:", text: ({ file }) => `cache:${file}` },
  { name: "async:", text: ({ file }) => `async:${file}` },
  { name: "http:", text: ({ url }) => url },
  { name: "tcp:", text: ({ port }) => `tcp://127.0.0.1:${port}` },
  { name: "tls:", text: ({ port }) => `tls://127.0.0.1:${port}` },
  { name: "rtmp:", text: ({ port }) => `rtmp://127.0.0.1:${port}/live/x` },
  { name: "rtsp:", text: ({ port }) => `rtsp://127.0.0.1:${port}/x` },
  { name: "ftp:", text: ({ port }) => `ftp://127.0.0.1:${port}/x` },
  { name: "gopher:", text: ({ port }) => `gopher://127.0.0.1:${port}/1x` },
  { name: "mmsh:", text: ({ port }) => `mmsh://127.0.0.1:${port}/x` },
  { name: "icecast:", text: ({ port }) => `icecast://127.0.0.1:${port}/x` },
];
