/** Every job, newest first, with filters. */

import { useEffect, useState } from "preact/hooks";
import type { Job } from "../../protocol/http/jobs.ts";
import { api } from "../lib/api.ts";
import { usePages } from "../lib/pages.ts";
import { useNow } from "../lib/resource.ts";
import { linkTo, place, replaceQuery } from "../lib/router.ts";
import { allStates, toneOf, workOf } from "../lib/states.ts";
import { learnVideos, useVideo } from "../lib/videos.ts";
import { Ago, Badge, Button, LinkButton, PageHead, Progress } from "../ui/basics.tsx";
import { SelectField, TextField } from "../ui/fields.tsx";
import { Empty, ShownPages } from "../ui/states.tsx";
import { Table } from "../ui/table.tsx";

const REFRESH_MS = 4_000;

export function JobsPage() {
  const { query } = place.value;
  const state = query.get("state") ?? "";
  const videoId = query.get("videoId") ?? "";
  const search = query.get("search") ?? "";
  const jobs = usePages(
    `jobs ${state} ${videoId} ${search}`,
    async (cursor, signal) => {
      const page = await api.listJobs({ state, videoId, search, limit: 50, cursor }, signal);
      void learnVideos(page.jobs.flatMap((job) => (job.videoId === null ? [] : [job.videoId])));
      return { items: page.jobs, nextCursor: page.nextCursor };
    },
    { everyMs: REFRESH_MS },
  );
  const isFiltered = state !== "" || videoId !== "" || search !== "";
  return (
    <>
      <PageHead title="Jobs">
        <LinkButton look="primary" icon="plus" href={linkTo([])}>
          New job
        </LinkButton>
      </PageHead>
      <Filters state={state} videoId={videoId} search={search} />
      <ShownPages
        pages={jobs}
        what="jobs"
        rows={6}
        empty={
          <Empty title={isFiltered ? "No job matches." : "No jobs yet."}>
            {isFiltered ? (
              <a href={linkTo(["jobs"])}>Show all</a>
            ) : (
              <p>
                <a href={linkTo([])}>Start one</a>, or POST to <code>/v1/jobs</code>.
              </p>
            )}
          </Empty>
        }
      >
        {(items) => <JobTable jobs={items} />}
      </ShownPages>
    </>
  );
}

const SEARCH_PAUSE_MS = 250;

function Filters({
  state,
  videoId,
  search,
}: {
  readonly state: string;
  readonly videoId: string;
  readonly search: string;
}) {
  const [text, setText] = useState(search);
  const video = useVideo(videoId === "" ? null : videoId);
  // Only what is typed is waited for.
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text.trim() !== search) replaceQuery({ state, videoId, search: text.trim() });
    }, SEARCH_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <search class="filters">
      <TextField
        label="Search"
        value={text}
        onInput={setText}
        input={{ type: "search", placeholder: "File name, recipe or job id" }}
      />
      <SelectField
        label="State"
        value={state}
        options={[
          { value: "", label: "any" },
          ...allStates.map((each) => ({ value: each, label: each })),
        ]}
        onChange={(next) => replaceQuery({ state: next, videoId, search })}
      />
      {videoId !== "" && (
        <Button icon="close" onClick={() => replaceQuery({ state, search })}>
          Only of {video?.filename ?? videoId}
        </Button>
      )}
    </search>
  );
}

function JobTable({ jobs }: { readonly jobs: readonly Job[] }) {
  return (
    <Table caption="Jobs, newest first" columns={["Video", "Work", "State", "Progress", "Created"]}>
      {jobs.map((job) => (
        <JobRow key={job.jobId} job={job} />
      ))}
    </Table>
  );
}

function JobRow({ job }: { readonly job: Job }) {
  const now = useNow(10_000);
  const video = useVideo(job.videoId);
  const name = video?.filename ?? Object.values(job.inputs)[0]?.url ?? job.videoId ?? job.jobId;
  return (
    <tr>
      <td>
        <a class="filename" href={linkTo(["jobs", job.jobId])}>
          {name}
        </a>
      </td>
      <td data-label="Work">{workOf(job)}</td>
      <td data-label="State">
        <Badge tone={toneOf(job.state)}>{job.state}</Badge>
      </td>
      <td data-label="Progress">
        <div class="progress-line">
          <Progress percent={job.progress} label={`Progress of ${name}`} tone={toneOf(job.state)} />
          <span class="small figures">{Math.floor(job.progress)} %</span>
        </div>
      </td>
      <td data-label="Created">
        <Ago time={job.createdAt} now={now} />
      </td>
    </tr>
  );
}
