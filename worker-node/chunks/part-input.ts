/** Files of other parts, read under the grant of the task that merges them, each as it was accepted. */
import type { Part as PartFile, PartList } from "../../protocol/chunks/contract.ts";
import { partListSchema } from "../../protocol/chunks/contract.ts";
import type { Work } from "../attempt-parts.ts";
import { type Called, judgeRefusal, persist, type Try } from "../grant-call.ts";
import { headerOf, isTransientStatus, readText, send } from "../http.ts";
import { parseContentRange } from "../source/byte-range.ts";
import { httpUpstream, type RangeAnswer } from "../source/http-upstream.ts";
import type { Upstream } from "../source/upstream.ts";

const GRANT_WAIT_MS = 15_000;
const PATIENCE_MS = 120_000;
/** Of the list: the indexes of hours of a large ladder. */
const MAX_LIST_LENGTH = 64_000_000;

/** What the parts delivered. */
export function listParts(work: Work): Promise<Called<PartList>> {
  return persist(work, async (): Promise<Try<PartList>> => {
    const url = new URL(`${work.grant.current().base}/parts`, work.edgeUrl);
    const answer = await send(work.dispatcher, url, { method: "GET", signal: work.signal });
    if (answer.status !== "answered" || answer.statusCode !== 200) {
      return judgeRefusal(answer, "the list of parts");
    }
    const text = await readText(answer.body, MAX_LIST_LENGTH);
    const parsed = partListSchema.safeParse(parseJson(text));
    return parsed.success
      ? { status: "ok", value: parsed.data }
      : { status: "transient", detail: "the list of parts is not of the protocol" };
  });
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}

/** One file of a part; it is refused where it is no longer the one that was accepted. */
export function partInput(work: Work, part: PartFile, contentType: string): Upstream {
  return httpUpstream({
    sizeBytes: part.sizeBytes,
    contentType,
    patienceMs: PATIENCE_MS,
    open: (start, end, signal) => openRange(work, part, start, end, signal),
  });
}

async function openRange(
  { dispatcher, edgeUrl, grant }: Work,
  { taskId, epoch, filename, etag }: PartFile,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<RangeAnswer> {
  const version = grant.version();
  const path = `${grant.current().base}/parts/${taskId}/${epoch}/${filename}`;
  const answer = await send(dispatcher, new URL(path, edgeUrl), {
    method: "GET",
    headers: { range: `bytes=${start}-${end}`, "if-match": `"${etag}"` },
    signal,
  });
  if (answer.status === "aborted") return answer;
  if (answer.status === "unreachable") return { status: "transient", detail: answer.detail };
  const { statusCode, headers, body } = answer;
  const range = parseContentRange(headerOf(headers, "content-range"));
  const isWhole = statusCode === 200 && start === 0;
  if (isWhole || (statusCode === 206 && range?.start === start)) return { status: "ok", body };
  body.destroy();
  if (isTransientStatus(statusCode)) {
    return { status: "transient", detail: `part '${filename}' answered ${statusCode}` };
  }
  if (statusCode === 401 && (await grant.newerThan(version, GRANT_WAIT_MS, signal))) {
    return { status: "transient", detail: "the grant was renewed" };
  }
  const detail = `Part '${filename}' could not be read from the edge: status ${statusCode}.`;
  return { status: "failed", detail, retryable: statusCode !== 404 };
}
