/** Uploaded sources. */

import { useState } from "preact/hooks";
import type { Video } from "../../protocol/http/videos.ts";
import { Media } from "../job/player.tsx";
import { api } from "../lib/api.ts";
import { bytes, duration } from "../lib/format.ts";
import { usePages } from "../lib/pages.ts";
import { useAction, useNow } from "../lib/resource.ts";
import { linkTo } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { rememberVideos } from "../lib/videos.ts";
import { Ago, Badge, Button, LinkButton, PageHead } from "../ui/basics.tsx";
import { Confirm, Dialog } from "../ui/dialog.tsx";
import { Empty, ShownPages } from "../ui/states.tsx";
import { Table } from "../ui/table.tsx";

export function VideosPage() {
  const videos = usePages(
    "videos",
    async (cursor, signal) => {
      const page = await api.listVideos({ limit: 50, cursor }, signal);
      rememberVideos(page.videos);
      return { items: page.videos, nextCursor: page.nextCursor };
    },
    { everyMs: 10_000 },
  );
  return (
    <>
      <PageHead title="Videos" lead="What was uploaded, and what jobs can be made from.">
        <LinkButton look="primary" icon="upload" href={linkTo([])}>
          Upload
        </LinkButton>
      </PageHead>
      <ShownPages
        pages={videos}
        what="videos"
        empty={
          <Empty title="No videos yet.">
            <p>
              <a href={linkTo([])}>Upload one</a>, or POST to <code>/v1/videos</code>.
            </p>
          </Empty>
        }
      >
        {(items) => <VideoTable videos={items} reload={videos.reload} />}
      </ShownPages>
    </>
  );
}

function VideoTable({
  videos,
  reload,
}: {
  readonly videos: readonly Video[];
  readonly reload: () => void;
}) {
  const now = useNow(10_000);
  const [watched, setWatched] = useState<Video | null>(null);
  const [doomed, setDoomed] = useState<Video | null>(null);
  return (
    <>
      <Table
        caption="Videos, newest first"
        columns={["File", "Picture and sound", "Length", "Size", "Uploaded"]}
        hasActions
      >
        {videos.map((video) => (
          <tr key={video.videoId}>
            <td>
              <span class="filename">{video.filename}</span>{" "}
              {video.state !== "ready" && <Badge tone="info">{video.state}</Badge>}
            </td>
            <td data-label="Picture and sound">{pictureOf(video)}</td>
            <td data-label="Length" class="figures">
              {video.metadata?.durationSeconds == null
                ? "–"
                : duration(video.metadata.durationSeconds)}
            </td>
            <td data-label="Size" class="figures">
              {bytes(video.size)}
            </td>
            <td data-label="Uploaded">
              <Ago time={video.createdAt} now={now} />
            </td>
            <td>
              <VideoButtons video={video} onWatch={setWatched} onDelete={setDoomed} />
            </td>
          </tr>
        ))}
      </Table>
      {watched && (
        <Dialog title={watched.filename} onClose={() => setWatched(null)}>
          <Media
            url={api.videoContentUrl(watched.videoId)}
            contentType={watched.contentType}
            label={watched.filename}
          />
        </Dialog>
      )}
      {doomed && (
        <DeleteVideo
          video={doomed}
          onDone={(done) => {
            setDoomed(null);
            if (done) reload();
          }}
        />
      )}
    </>
  );
}

function pictureOf({ metadata }: Video): string {
  if (metadata === null) return "–";
  const size = metadata.width === null ? null : `${metadata.width} × ${metadata.height}`;
  const rate = metadata.frameRate === null ? null : `${Number(metadata.frameRate.toFixed(2))} fps`;
  const codecs = [metadata.videoCodec, metadata.audioCodec].filter((codec) => codec !== null);
  return [size, rate, codecs.join("\u00a0+\u00a0")].filter(Boolean).join(" · ") || metadata.format;
}

function VideoButtons({
  video,
  onWatch,
  onDelete,
}: {
  readonly video: Video;
  readonly onWatch: (video: Video) => void;
  readonly onDelete: (video: Video) => void;
}) {
  return (
    <div class="actions">
      <Button
        look="quiet"
        icon="play"
        aria-label={`Watch ${video.filename}`}
        disabled={video.state !== "ready"}
        onClick={() => onWatch(video)}
      />
      <a class="button quiet" href={linkTo(["jobs"], { videoId: video.videoId })}>
        Jobs<span class="visually-hidden"> of {video.filename}</span>
      </a>
      {may("write") && (
        <>
          <a class="button quiet" href={linkTo([], { video: video.videoId })}>
            New job<span class="visually-hidden"> from {video.filename}</span>
          </a>
          <Button
            look="quiet"
            icon="trash"
            aria-label={`Delete ${video.filename}`}
            onClick={() => onDelete(video)}
          />
        </>
      )}
    </div>
  );
}

function DeleteVideo({
  video,
  onDone,
}: {
  readonly video: Video;
  readonly onDone: (done: boolean) => void;
}) {
  const action = useAction(() => api.deleteVideo(video.videoId));
  return (
    <Confirm
      title={`Delete ${video.filename}?`}
      verb="Delete the video"
      action={action}
      onDone={onDone}
    >
      The source is deleted for good. What jobs have made of it stays.
    </Confirm>
  );
}
