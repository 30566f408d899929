/** The start: a video comes in, and something is made of it. */
import { useEffect, useState } from "preact/hooks";
import type { JobRequest } from "../../protocol/http/jobs.ts";
import type { Video } from "../../protocol/http/videos.ts";
import {
  newDraft,
  recipeNamed,
  WorkChoice,
  type WorkDraft,
  workOfDraft,
} from "../forms/work-choice.tsx";
import { api } from "../lib/api.ts";
import { useAction, useResource } from "../lib/resource.ts";
import { goTo, place } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { Button, Card, PageHead } from "../ui/basics.tsx";
import { SelectField, TextField } from "../ui/fields.tsx";
import { Failure } from "../ui/states.tsx";
import { DropZone } from "../upload/drop-zone.tsx";
import { UploadRow } from "../upload/upload-list.tsx";
import { recallUploads, startUpload, uploads, videoOf } from "../upload/uploads.ts";

/** A source that was chosen: an upload of this page, a video that is there already, or an address. */
type Source =
  | { readonly kind: "upload"; readonly id: number }
  | { readonly kind: "video"; readonly videoId: string }
  | { readonly kind: "url"; readonly url: string };

export function NewJobPage() {
  const asked = place.value.query.get("video");
  const [sources, setSources] = useState<readonly Source[]>(() =>
    asked === null ? latestUpload() : [{ kind: "video", videoId: asked }],
  );
  const [draft, setDraft] = useState<WorkDraft>(newDraft);
  useEffect(recallUploads, []);
  const canWrite = may("write");
  const form = draft.kind === "recipe" ? recipeNamed(draft.recipe) : null;
  const takesSeveral = (form?.inputs.max ?? 1) > 1;

  const addFiles = (files: readonly File[]) => {
    const added = files.map((file): Source => ({ kind: "upload", id: startUpload(file) }));
    setSources((was) => (takesSeveral ? [...was, ...added] : added.slice(-1)));
  };
  return (
    <>
      <PageHead
        title="New job"
        lead="Bring a video, say what to make of it, and watch it happen."
      />
      {!canWrite && (
        <p class="notice warn">
          Your key may only read. Uploading and starting jobs need the scope "write".
        </p>
      )}
      <Card title="1. The video">
        <div class="stack">
          {canWrite && <DropZone onFiles={addFiles} />}
          {uploads.value.map((item) => (
            <UploadRow key={item.id} item={item} />
          ))}
          <OtherSource
            onPick={(source) => setSources((was) => (takesSeveral ? [...was, source] : [source]))}
          />
        </div>
      </Card>
      <Card title="2. What to make">
        <WorkChoice draft={draft} onChange={setDraft} />
      </Card>
      <Start sources={sources} onSources={setSources} draft={draft} canWrite={canWrite} />
    </>
  );
}

/** What was brought last is still what is meant, after a look at another page. */
function latestUpload(): readonly Source[] {
  const last = uploads.value.findLast(({ state }) => state !== "lost" && state !== "failed");
  return last === undefined ? [] : [{ kind: "upload", id: last.id }];
}

function OtherSource({ onPick }: { readonly onPick: (source: Source) => void }) {
  const [url, setUrl] = useState("");
  const videos = useResource("videos", (signal) => api.listVideos({ limit: 50 }, signal));
  const ready = (videos.data?.videos ?? []).filter(({ state }) => state === "ready");
  return (
    <details class="other-source">
      <summary>Or use a video that is there, or an address</summary>
      <div class="stack">
        {videos.error !== undefined && <Failure error={videos.error} onRetry={videos.reload} />}
        {ready.length > 0 && (
          <SelectField
            label="A video uploaded before"
            value=""
            options={[
              { value: "", label: "Choose…" },
              ...ready.map(({ videoId, filename }) => ({ value: videoId, label: filename })),
            ]}
            onChange={(videoId) => videoId !== "" && onPick({ kind: "video", videoId })}
          />
        )}
        <form
          class="row end"
          onSubmit={(event) => {
            event.preventDefault();
            if (url.trim() !== "") onPick({ kind: "url", url: url.trim() });
          }}
        >
          <TextField
            label="Address of a video"
            value={url}
            onInput={setUrl}
            input={{ type: "url", placeholder: "https://example.com/talk.mp4" }}
          />
          <Button type="submit">Use it</Button>
        </form>
      </div>
    </details>
  );
}

function Start({
  sources,
  onSources,
  draft,
  canWrite,
}: {
  readonly sources: readonly Source[];
  readonly onSources: (sources: readonly Source[]) => void;
  readonly draft: WorkDraft;
  readonly canWrite: boolean;
}) {
  const start = useAction(async () => {
    const job = await api.createJob(await requestOf(sources, draft));
    goTo(["jobs", job.jobId]);
  });
  const isWaiting = sources.some(
    (source) => source.kind === "upload" && itemOf(source.id)?.state !== "done",
  );
  return (
    <Card title="3. Go" class={sources.length === 0 ? "" : "go"}>
      <div class="stack">
        {sources.length > 0 && (
          <ol class="sources">
            {sources.map((source, index) => (
              <li key={`${index} ${JSON.stringify(source)}`}>
                <span class="filename">
                  <SourceName source={source} />
                </span>
                <Button
                  look="quiet"
                  icon="close"
                  aria-label="Leave this one out"
                  onClick={() => onSources(sources.filter((_, at) => at !== index))}
                />
              </li>
            ))}
          </ol>
        )}
        {start.error !== undefined && <Failure error={start.error} />}
        <div class="actions">
          <Button
            look="primary"
            icon="play"
            disabled={sources.length === 0 || !canWrite}
            isBusy={start.isBusy}
            onClick={() => start.run()}
          >
            Start job
          </Button>
          <span class="small muted" role="status">
            {sources.length === 0 && "No video chosen yet."}
            {start.isBusy && isWaiting && "Starts as soon as the upload is complete."}
            {!start.isBusy && isWaiting && "You can start now: the job waits for the upload."}
          </span>
        </div>
      </div>
    </Card>
  );
}

const itemOf = (id: number) => uploads.value.find((item) => item.id === id);

function SourceName({ source }: { readonly source: Source }) {
  const videos = useResource<Video | null>(JSON.stringify(source), async (signal) =>
    source.kind === "video" ? api.video(source.videoId, signal) : null,
  );
  switch (source.kind) {
    case "upload":
      return <>{itemOf(source.id)?.filename ?? "An upload that was cancelled"}</>;
    case "video":
      return <>{videos.data?.filename ?? source.videoId}</>;
    case "url":
      return <>{source.url}</>;
  }
}

/** The request, once every upload in it has become a video. */
async function requestOf(sources: readonly Source[], draft: WorkDraft): Promise<JobRequest> {
  const inputs = await Promise.all(sources.map(inputOf));
  const work = workOfDraft(draft);
  const [first] = inputs;
  const isNamed = inputs.length > 1;
  const output =
    draft.kind === "ffmpeg"
      ? { name: draft.outputName }
      : draft.kind === "recipe" && draft.format !== ""
        ? { format: draft.format as NonNullable<JobRequest["output"]>["format"] & string }
        : null;
  if (isNamed) {
    const named = Object.fromEntries(inputs.map((input, at) => [`in_${at + 1}`, input]));
    const format = draft.format || recipeNamed(draft.recipe).formats[0];
    return { ...work, input_files: named, output_files: { out_1: `result.${format}` } };
  }
  if (first === undefined) throw new Error("Choose a video first.");
  return { ...work, input: first, ...(output === null ? {} : { output }) };
}

async function inputOf(source: Source): Promise<{ videoId: string } | { url: string }> {
  if (source.kind === "url") return { url: source.url };
  if (source.kind === "video") return { videoId: source.videoId };
  return { videoId: (await videoOf(source.id)).videoId };
}
