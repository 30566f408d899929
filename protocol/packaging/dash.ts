/** A DASH manifest over the files of an HLS presentation (ISO/IEC 23009-1). */
import {
  cuesFile,
  headFile,
  mediaFile,
  type Presentation,
  segmentFile,
  type VideoPart,
} from "./presentation.ts";
import { frameRateOf, peakRate, type Rendition } from "./segments.ts";

/** The manifest. Names are of letters, digits, dots and dashes, labels are not written: nothing needs escaping. */
export function dashManifest(presentation: Presentation): string {
  const { video, audio, subtitles, duration, target } = presentation;
  const codecs = [...new Set(video.map(({ rendition }) => familyOf(rendition)))];
  const sets = [
    ...codecs.flatMap((codec) => [
      `<AdaptationSet contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">`,
      ...video
        .filter(({ rendition }) => familyOf(rendition) === codec)
        .flatMap((part) => representation(presentation, part)),
      "</AdaptationSet>",
    ]),
    ...audio.flatMap((part) => [
      `<AdaptationSet contentType="audio" mimeType="audio/mp4"${langOf(part)} segmentAlignment="true" startWithSAP="1">`,
      '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>',
      ...representation(presentation, part),
      "</AdaptationSet>",
    ]),
    ...subtitles.flatMap((part) => [
      `<AdaptationSet contentType="text" mimeType="text/vtt"${langOf(part)}>`,
      '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="subtitle"/>',
      `<Representation id="${part.name}" bandwidth="256">`,
      `<BaseURL>${cuesFile(part.name)}</BaseURL>`,
      "</Representation>",
      "</AdaptationSet>",
    ]),
  ];
  const length = `PT${duration.toFixed(3)}S`;
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-main:2011" type="static" mediaPresentationDuration="${length}" minBufferTime="PT${target}S">`,
    `<Period id="1" start="PT0S" duration="${length}">`,
    ...sets,
    "</Period>",
    "</MPD>",
  ].join("\n")}\n`;
}

/** Players change between representations of one set only where the codec is one. */
function familyOf({ head }: Rendition): string {
  return head.codec.split(".")[0] ?? head.codec;
}

function langOf({ language }: { readonly language?: string | null }): string {
  return language === null || language === undefined ? "" : ` lang="${language}"`;
}

function representation(presentation: Presentation, part: VideoPart): readonly string[] {
  const { name, rendition } = part;
  const { head } = rendition;
  const about =
    head.kind === "video"
      ? `width="${head.width}" height="${head.height}" frameRate="${Math.round(frameRateOf(rendition) * 1000)}/1000" sar="1:1"`
      : `audioSamplingRate="${head.sampleRate}"`;
  const channels =
    head.kind === "video"
      ? []
      : [
          `<AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="${head.channels}"/>`,
        ];
  return [
    `<Representation id="${name}" codecs="${head.codec}" bandwidth="${peakRate(rendition, presentation.target)}" ${about}>`,
    ...channels,
    ...segmentList(presentation, part),
    "</Representation>",
  ];
}

function segmentList({ layout }: Presentation, { name, rendition }: VideoPart): readonly string[] {
  const { head, headSize, segments } = rendition;
  const isWhole = layout === "single_file";
  const last = ({ offset, size }: { readonly offset: number; readonly size: number }) =>
    `${offset}-${offset + size - 1}`;
  return [
    `<SegmentList timescale="${head.timescale}">`,
    isWhole
      ? `<Initialization sourceURL="${rendition.headFile ?? mediaFile(name)}" range="0-${headSize - 1}"/>`
      : `<Initialization sourceURL="${headFile(name)}"/>`,
    "<SegmentTimeline>",
    ...segments.map(({ start, duration }) => `<S t="${start}" d="${duration}"/>`),
    "</SegmentTimeline>",
    ...segments.map((segment, at) =>
      isWhole
        ? `<SegmentURL media="${segment.file ?? mediaFile(name)}" mediaRange="${last(segment)}"/>`
        : `<SegmentURL media="${segmentFile(name, at + 1)}"/>`,
    ),
    "</SegmentList>",
  ];
}
