/** The dashboard's files as a service of the embedded runtime, built anew at each start and kept in memory. */
import { createHash } from "node:crypto";
import { type Request, Response } from "miniflare";
import { buildDashboard } from "../../dashboard/build/build.ts";

/**
 * Answers as the platform's asset server does: `/` is the page, ETags are honoured, what is not there is 404.
 *
 * @throws esbuild's own error when the dashboard does not compile.
 */
export async function serveDashboard(): Promise<(request: Request) => Response> {
  const files = new Map(
    (await buildDashboard()).map(({ path, contents, contentType }) => {
      const etag = `"${createHash("sha256").update(contents).digest("hex").slice(0, 32)}"`;
      const headers = { "content-type": contentType, etag };
      return [path.replace(/(?:index)?\.html$/, ""), { contents, headers }];
    }),
  );
  return (request) => {
    const file = files.get(new URL(request.url).pathname);
    if (file === undefined) return new Response(null, { status: 404 });
    if (request.headers.get("if-none-match") === file.headers.etag) {
      return new Response(null, { status: 304, headers: file.headers });
    }
    return new Response(request.method === "HEAD" ? null : file.contents, {
      headers: file.headers,
    });
  };
}
