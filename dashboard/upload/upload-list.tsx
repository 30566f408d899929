/** The uploads of this page, each with how far it is and what can be done with it. */

import { bytes, timeLeft } from "../lib/format.ts";
import { Badge, Button, Progress, type Tone } from "../ui/basics.tsx";
import { Failure } from "../ui/states.tsx";
import { cancelUpload, pauseUpload, resumeUpload, type UploadItem } from "./uploads.ts";

export function UploadRow({ item }: { readonly item: UploadItem }) {
  const percent = item.size === 0 ? 0 : (item.sent / item.size) * 100;
  return (
    <div class="upload">
      <div class="upload-head">
        <strong class="filename">{item.filename}</strong>
        <Badge tone={tones[item.state]}>{labels[item.state]}</Badge>
        <UploadButtons item={item} />
      </div>
      {item.state !== "done" && (
        <Progress percent={percent} label={`Upload of ${item.filename}`} tone={tones[item.state]} />
      )}
      <p class="small muted figures">{figuresOf(item)}</p>
      {item.state === "lost" && (
        <p class="small">Choose or drop the same file again: what has arrived is not sent twice.</p>
      )}
      {item.state === "failed" && (
        <Failure error={item.error} onRetry={() => resumeUpload(item.id)} />
      )}
    </div>
  );
}

const tones: Readonly<Record<UploadItem["state"], Tone>> = {
  sending: "info",
  finishing: "info",
  paused: "warn",
  lost: "warn",
  failed: "bad",
  done: "good",
};

const labels: Readonly<Record<UploadItem["state"], string>> = {
  sending: "uploading",
  finishing: "checking",
  paused: "paused",
  lost: "interrupted",
  failed: "failed",
  done: "uploaded",
};

function figuresOf(item: UploadItem): string {
  if (item.state === "done") return bytes(item.size);
  const figures = [`${bytes(item.sent)} of ${bytes(item.size)}`];
  if (item.partCount > 1) figures.push(`${item.partsDone} of ${item.partCount} parts`);
  if (item.state === "sending" && item.speed !== null) {
    figures.push(`${bytes(item.speed)}/s`, timeLeft((item.size - item.sent) / item.speed));
  }
  return figures.join(" · ");
}

function UploadButtons({ item }: { readonly item: UploadItem }) {
  const { id, filename, state } = item;
  return (
    <div class="actions">
      {state === "sending" && (
        <Button
          look="quiet"
          icon="pause"
          onClick={() => pauseUpload(id)}
          aria-label={`Pause ${filename}`}
        >
          Pause
        </Button>
      )}
      {state === "paused" && (
        <Button
          look="quiet"
          icon="play"
          onClick={() => resumeUpload(id)}
          aria-label={`Resume ${filename}`}
        >
          Resume
        </Button>
      )}
      <Button
        look="quiet"
        icon="close"
        onClick={() => cancelUpload(id)}
        aria-label={
          state === "done" ? `Take ${filename} off the list` : `Cancel the upload of ${filename}`
        }
      />
    </div>
  );
}
