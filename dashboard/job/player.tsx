/** A result beside its source. hls.js is loaded only when a playlist is to be played. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Job, Output } from "../../protocol/http/jobs.ts";
import { api } from "../lib/api.ts";
import { isOver } from "../lib/states.ts";
import { Card } from "../ui/basics.tsx";

interface Playable {
  readonly url: string;
  readonly contentType: string;
}

/** The output that a person would look at first; of a job that still runs, what there is of it. */
function playableOf(job: Job): Playable | null {
  if (job.playableUrl !== null) {
    return { url: job.playableUrl, contentType: "application/vnd.apple.mpegurl" };
  }
  const isShown = (output: Output) => /^(video|audio|image)\/|mpegurl/.test(output.contentType);
  return job.outputs.find(isShown) ?? null;
}

export function Players({ job }: { readonly job: Job }) {
  const playable = playableOf(job);
  return playable === null ? null : <Watch key={job.run} job={job} playable={playable} />;
}

function Watch({ job, playable }: { readonly job: Job; readonly playable: Playable }) {
  // Addresses are signed anew with each answer, and what plays is not to begin again: the first one stays.
  const [output] = useState(playable);
  const source = job.videoId;
  return (
    <Card title="Watch">
      <div class={source === null ? "players" : "players two"}>
        <figure>
          <Media url={output.url} contentType={output.contentType} label="The result" />
          <figcaption>
            {isOver(job.state) ? "Result" : "Result, as far as it is made: it grows while it plays"}
          </figcaption>
        </figure>
        {source !== null && (
          <figure>
            <Media url={api.videoContentUrl(source)} contentType="video/mp4" label="The source" />
            <figcaption>Source</figcaption>
          </figure>
        )}
      </div>
    </Card>
  );
}

interface MediaProps {
  readonly url: string;
  readonly contentType: string;
  readonly label: string;
}

export function Media(props: MediaProps) {
  const { url, contentType, label } = props;
  if (contentType.startsWith("image/")) return <img class="media" src={url} alt={label} />;
  if (contentType.includes("mpegurl")) return <HlsVideo {...props} />;
  if (contentType.startsWith("audio/"))
    return <audio class="media" src={url} controls aria-label={label} />;
  return <PlainVideo {...props} />;
}

function PlainVideo({ url, label }: MediaProps) {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) {
    return (
      <div class="media unplayable">
        <p>This browser cannot play the file.</p>
        <a href={url} download>
          Download it
        </a>
      </div>
    );
  }
  return (
    <video
      class="media"
      src={url}
      controls
      playsInline
      preload="metadata"
      aria-label={label}
      onError={() => setBroken(true)}
    />
  );
}

function HlsVideo({ url, label }: MediaProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let isGone = false;
    let end = () => {};
    const element = video.current;
    if (element === null) return;
    import("./hls.ts")
      .then(({ playHls }) => {
        if (!isGone) end = playHls(element, url, setProblem);
      })
      .catch(() => setProblem("The player could not be loaded."));
    return () => {
      isGone = true;
      end();
    };
  }, [url]);
  return (
    <>
      <video ref={video} class="media" controls playsInline aria-label={label} />
      {problem && (
        <p class="small" role="status">
          {problem}
        </p>
      )}
    </>
  );
}
