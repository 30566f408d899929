/** The edge as this machine reaches it: its answer, the credentials, the clock, the workers. */
import type { Session } from "../../protocol/http/session.ts";
import { ApiFailure, TelecineClient } from "../client.ts";
import { edgeUrl } from "../environment.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import { judgeClock } from "./judge.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const LIMIT_MS = 10_000;

/** Everything about the edge; what cannot be asked because something before it failed is left out. */
export async function examineEdge(environment: Environment): Promise<readonly Finding[]> {
  let url: string;
  try {
    url = edgeUrl(environment);
  } catch (error) {
    const remedy = "Set TELECINE_URL to the edge's address, e.g. https://video.example.com.";
    return [fail("edge", error instanceof Error ? error.message : String(error), remedy)];
  }
  const reached = await reach(url, environment);
  if (reached.some(({ level }) => level === "fail")) return reached;
  const key = environment.TELECINE_API_KEY?.trim();
  const token = environment.TELECINE_WORKER_TOKEN?.trim();
  return [
    ...reached,
    ...(key ? await examineKey(url, key) : []),
    ...(token ? [await examineToken(url, token)] : []),
    ...(key || token ? [] : [NO_CREDENTIALS]),
  ];
}

const NO_CREDENTIALS = warn(
  "credentials",
  "neither TELECINE_API_KEY nor TELECINE_WORKER_TOKEN is set: none could be tried",
  "Set the one that this machine is to use: a key for clients, a worker's token for a box.",
);

async function reach(url: string, environment: Environment): Promise<readonly Finding[]> {
  const before = Date.now();
  let answer: Response;
  try {
    answer = await fetch(new URL("/health", url), { signal: AbortSignal.timeout(LIMIT_MS) });
  } catch (error) {
    return [unreachable(url, error, environment)];
  }
  const after = Date.now();
  const body = (await answer.json().catch(() => null)) as {
    status?: string;
    error?: { code?: string; detail?: string };
  } | null;
  if (body?.error?.code === "CONFIG_ERROR") {
    return [
      fail("edge", `${url} is misconfigured: ${body.error.detail}`, "Correct that setting there."),
    ];
  }
  if (body?.status !== "ok") {
    return [
      fail(
        "edge",
        `${url} answers HTTP ${answer.status}, but not as a Telecine edge`,
        "Correct TELECINE_URL: it is the edge's origin, without a path; or look at the proxy before it.",
      ),
    ];
  }
  const edge = ok("edge", `${url} answers in ${after - before} ms`);
  const date = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(date)) return [edge];
  // The header is in whole seconds, rounded down: on average half a second too early.
  const skewMs = (before + after) / 2 - (date + 500);
  return [edge, judgeClock(skewMs / 1000, 0.5 + (after - before) / 2000)];
}

function unreachable(url: string, error: unknown, environment: Environment): Finding {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = `${url} cannot be reached (${code ?? message})`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return fail(
      "edge",
      why,
      "The name does not resolve: correct TELECINE_URL, or this machine's DNS.",
    );
  }
  if (code === "ECONNREFUSED") {
    const remedy = environment.TELECINE_URL
      ? "Nothing listens there: start the edge, or correct TELECINE_URL."
      : "Start an edge here (telecine start), or set TELECINE_URL to the one to use.";
    return fail("edge", why, remedy);
  }
  if (/CERT|TLS|SSL|ALTNAME/.test(code ?? "")) {
    return fail(
      "edge",
      why,
      "Its certificate is not trusted here: correct the name in TELECINE_URL, or give the authority in NODE_EXTRA_CA_CERTS.",
    );
  }
  return fail(
    "edge",
    why,
    "A firewall or a proxy may be in the way; agents and clients dial out over HTTPS.",
  );
}

async function examineKey(url: string, key: string): Promise<readonly Finding[]> {
  const client = new TelecineClient({ url, key });
  try {
    const session: Session = await client.session();
    const scopes = session.scopes.join(", ");
    const known = ok("API key", `accepted: account ${session.accountId}, ${scopes}`);
    const mayRead = session.scopes.includes("read") || session.scopes.includes("admin");
    return mayRead ? [known, await examineWorkers(client)] : [known];
  } catch (error) {
    return [
      fail(
        "API key",
        error instanceof ApiFailure ? (error.answer?.detail ?? error.message) : String(error),
        "Set TELECINE_API_KEY to a live key: telecine keys create makes one; that of a local edge is in .telecine/root-key.",
      ),
    ];
  }
}

async function examineWorkers(client: TelecineClient): Promise<Finding> {
  const { workers } = await client.listWorkers();
  const connected = workers.filter((worker) => worker.connected);
  if (connected.length > 0) {
    return ok(
      "workers",
      `${connected.length} connected: ${connected.map(({ name }) => name).join(", ")}`,
    );
  }
  return warn(
    "workers",
    "none is connected: jobs wait",
    "telecine workers token --name NAME makes a token; start an agent with it (telecine worker --help).",
  );
}

/** The agents' door says who knocks before it says that this is no socket; nobody is let in, or put out. */
async function examineToken(url: string, token: string): Promise<Finding> {
  const client = new TelecineClient({ url, key: token });
  const error = await client.send("GET", "/v1/workers/connect").then(
    () => null,
    (refusal: unknown) => refusal,
  );
  if (error instanceof ApiFailure && error.status === 400) return ok("worker token", "accepted");
  return fail(
    "worker token",
    error instanceof ApiFailure ? (error.answer?.detail ?? error.message) : String(error),
    "Set TELECINE_WORKER_TOKEN to a live token: telecine workers token --name NAME makes one.",
  );
}
