/** `/v1/jobs`: submitted, read live from their pool, retried, cancelled. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { listJobs } from "../../catalogue/jobs.ts";
import { poolOf } from "../../pool-stub.ts";
import { checkTimeout } from "../check-job.ts";
import type { AppEnv } from "../context.ts";
import { createJob } from "../create-job.ts";
import { ApiError } from "../errors.ts";
import { serveJobOutput } from "../job-output.ts";
import { attemptView, jobView, outputViews, type ViewContext } from "../job-view.ts";
import { askPool, readLive, requireJob } from "../live-job.ts";
import { readPage, toPage } from "../pagination.ts";
import { requestIdsOf } from "../request-ids.ts";
import { retryJob } from "../retry-job.ts";
import * as routes from "./job-routes.ts";

function originOf(c: Context<AppEnv>): string {
  return new URL(c.req.url).origin;
}

function viewContext(c: Context<AppEnv>): ViewContext {
  return { settings: c.get("settings"), origin: originOf(c), now: Date.now() };
}

const accountOf = (c: Context<AppEnv>) => c.get("principal").accountId;

export const jobRoutes = new OpenAPIHono<AppEnv>()
  .openapi(routes.createJobRoute, async (c) => {
    const submission = await createJob(
      {
        env: c.env,
        settings: c.get("settings"),
        accountId: accountOf(c),
        origin: originOf(c),
        now: Date.now(),
        idempotentId: c.get("idempotentId"),
        ids: requestIdsOf(c),
      },
      c.req.valid("json"),
    );
    return c.json(await jobView(viewContext(c), submission, null), 202, {
      location: `/v1/jobs/${submission.jobId}`,
    });
  })
  .openapi(routes.listJobsRoute, async (c) => {
    const query = c.req.valid("query");
    const rows = await listJobs(c.env.DB, accountOf(c), {
      state: query.state,
      videoId: query.videoId,
      search: query.search,
      ...readPage("job", query),
    });
    const { items, nextCursor } = toPage(rows, query.limit, (row) => row.submission.jobId);
    const context = viewContext(c);
    const jobs = await Promise.all(
      items.map((row) => jobView(context, row.submission, row.snapshot)),
    );
    return c.json({ jobs, nextCursor }, 200);
  })
  .openapi(routes.getJobRoute, async (c) => {
    const record = await requireJob(c.env, accountOf(c), c.req.valid("param").jobId);
    const live = await readLive(c.env, record);
    return c.json(await jobView(viewContext(c), record.submission, live), 200);
  })
  .openapi(routes.getResultRoute, async (c) => {
    const { jobId } = c.req.valid("param");
    const live = await readLive(c.env, await requireJob(c.env, accountOf(c), jobId));
    if (live.state !== "completed") {
      throw new ApiError("JOB_NOT_COMPLETE", `The state of job '${jobId}' is '${live.state}'.`);
    }
    return c.json({ jobId, outputs: await outputViews(viewContext(c), accountOf(c), live) }, 200);
  })
  .openapi(routes.listOutputsRoute, async (c) => {
    const record = await requireJob(c.env, accountOf(c), c.req.valid("param").jobId);
    const live = await readLive(c.env, record);
    const outputs = await outputViews(viewContext(c), accountOf(c), live);
    return c.json({ outputs, nextCursor: null }, 200);
  })
  .openapi(routes.getOutputRoute, async (c) => {
    const { jobId, name } = c.req.valid("param");
    const deps = { env: c.env, settings: c.get("settings") };
    return serveJobOutput(deps, c.req.raw, {
      accountId: accountOf(c),
      jobId,
      name,
      run: null,
      isWhole: false,
      // A retry puts other bytes behind the same path.
      cacheControl: "private, no-cache",
    });
  })
  .openapi(routes.retryJobRoute, async (c) => {
    const { jobId } = c.req.valid("param");
    const { timeoutSeconds } = c.req.valid("json");
    checkTimeout(timeoutSeconds, c.get("settings"));
    const record = await requireJob(c.env, accountOf(c), jobId);
    await retryJob(c.env, record, timeoutSeconds === undefined ? {} : { timeoutSeconds });
    return c.json({ retried: true as const, jobId }, 200);
  })
  .openapi(routes.cancelJobRoute, async (c) => {
    const { jobId } = c.req.valid("param");
    const record = await requireJob(c.env, accountOf(c), jobId);
    const pool = poolOf(c.env, record.submission);
    const result = await pool.cancel(record.submission, record.snapshot);
    if (result.status === "terminal") {
      const detail = `The state of job '${jobId}' is '${result.job.state}' already.`;
      throw new ApiError("JOB_NOT_CANCELLABLE", detail);
    }
    return c.json({ cancelled: true as const, jobId }, 200);
  })
  .openapi(routes.listAttemptsRoute, async (c) => {
    const record = await requireJob(c.env, accountOf(c), c.req.valid("param").jobId);
    const attempts = await askPool(c.env, record, (pool) =>
      pool.attempts(record.submission, record.snapshot),
    );
    return c.json({ attempts: attempts.map(attemptView) }, 200);
  });
