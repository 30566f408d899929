/** All of Telecine on one machine: the embedded edge and its local workers, as `start` and `demo` run it. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import path from "node:path";
import { settingNames } from "../../protocol/settings.ts";
import { TelecineClient } from "../client.ts";
import { type DataFolder, openDataFolder } from "./data-folder.ts";
import { type EmbeddedEdge, startEdge } from "./edge.ts";
import { HostError } from "./host-error.ts";
import { keepSecret, randomSecret } from "./secrets.ts";
import { emptyTemporaryFolder } from "./temporary-folder.ts";
import { startWatchdog, type Watchdog } from "./watchdog.ts";
import { type LocalWorker, startLocalWorker } from "./workers.ts";

export interface HostOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly data: string;
  readonly workers: number;
  /** Settings are read from here by their names. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onEdgeLog: (line: string) => void;
  readonly onWorkerLine: (worker: string, line: string) => void;
}

export interface Host {
  readonly url: string;
  readonly rootKey: string;
  /** Where the root key is kept, or null when the environment gave it. */
  readonly rootKeyFile: string | null;
  readonly client: TelecineClient;
  readonly workers: readonly LocalWorker[];
  stop(): Promise<void>;
}

/**
 * Starts the edge, checks its settings, then starts the workers and waits until each has connected.
 *
 * @throws HostError that says what is wrong and what to do about it.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  // First: whoever starts it twice learns that it runs already, not that something has its port.
  const folder = await openDataFolder(options.data);
  try {
    await checkPort(options);
    return await startOn(folder, options);
  } catch (error) {
    await folder.release();
    throw error;
  }
}

async function startOn(folder: DataFolder, options: HostOptions): Promise<Host> {
  const { rootKey, signingSecret } = await keepSecrets(options);
  const watchdog = startWatchdog();
  const edge = await startEdge({
    host: options.host,
    port: options.port,
    data: path.join(options.data, "edge"),
    temporary: await emptyTemporaryFolder(options.data),
    settings: {
      ...settingsFrom(options.environment),
      ROOT_API_KEY: rootKey.value,
      SIGNING_SECRET: signingSecret.value,
    },
    watchdog,
    onLog: options.onEdgeLog,
  });
  const client = new TelecineClient({ url: edge.url, key: rootKey.value });
  try {
    await checkHealth(edge.url);
    await folder.announce(edge.url);
    const workers = await startWorkers(options, edge, client, watchdog);
    // What a killed edge left half done is taken up now rather than at the next minute.
    await edge.sweep();
    return {
      url: edge.url,
      rootKey: rootKey.value,
      rootKeyFile: rootKey.file,
      client,
      workers,
      stop: async () => {
        await Promise.all(workers.map((worker) => worker.stop()));
        await edge.stop();
        await folder.release();
      },
    };
  } catch (error) {
    await edge.stop();
    throw error;
  }
}

async function keepSecrets({ data, environment }: HostOptions) {
  return {
    rootKey: await keepSecret(data, "root-key", environment.ROOT_API_KEY, () =>
      randomSecret("tck_"),
    ),
    signingSecret: await keepSecret(data, "signing-secret", environment.SIGNING_SECRET, () =>
      randomSecret(""),
    ),
  };
}

function settingsFrom(environment: HostOptions["environment"]): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const name of settingNames) {
    const value = environment[name];
    if (value !== undefined && value !== "") settings[name] = value;
  }
  return settings;
}

/** The runtime retries a port that is taken without a word, so it is tried here first. */
function checkPort({ host, port }: HostOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const remedy = "choose another with --port N (0 takes a free one)";
      const text: Record<string, string> = {
        EADDRINUSE: `Port ${port} on ${host} is in use by another program. Stop that one, or ${remedy}.`,
        EACCES: `Port ${port} on ${host} needs more rights than this user has: ${remedy}.`,
        EADDRNOTAVAIL: `${host} is no address of this machine: choose another with --host.`,
      };
      reject(
        new HostError(
          text[error.code ?? ""] ?? `Cannot listen on ${host}:${port}: ${error.message}`,
        ),
      );
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/** `/health` answers CONFIG_ERROR where a setting is wrong. */
async function checkHealth(url: string): Promise<void> {
  const answer = await fetch(`${url}/health`);
  if (answer.ok) return;
  const body = (await answer.json().catch(() => null)) as { error?: { detail?: string } } | null;
  throw new HostError(
    `The settings are wrong (CONFIG_ERROR): ${body?.error?.detail ?? `HTTP ${answer.status} from /health`}. Correct the environment variable and start again.`,
  );
}

async function startWorkers(
  options: HostOptions,
  edge: EmbeddedEdge,
  client: TelecineClient,
  watchdog: Watchdog,
): Promise<LocalWorker[]> {
  const workers: LocalWorker[] = [];
  for (let index = 1; index <= options.workers; index++) {
    const name = `local-${index}`;
    workers.push(
      startLocalWorker({
        url: edge.url,
        token: await workerToken(options.data, name, client),
        name,
        scratch: path.join(options.data, "scratch", name),
        slots: slotsOfEach(options.workers),
        watchdog,
        onLine: (line) => options.onWorkerLine(name, line),
      }),
    );
  }
  try {
    await Promise.all(workers.map((worker) => worker.connected));
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.stop()));
    throw error instanceof Error ? new HostError(error.message) : error;
  }
  return workers;
}

/** One encode uses the machine's cores by itself; a second slot fills the gaps of the first. */
function slotsOfEach(workers: number): number {
  return Math.max(1, Math.floor(Math.min(4, availableParallelism()) / workers));
}

/** The local worker's token, kept between starts: an agent that comes back is the same worker. */
async function workerToken(data: string, name: string, client: TelecineClient): Promise<string> {
  const folder = path.join(data, "workers");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, `${name}.json`);
  const kept = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as { workerId: string; token: string },
    () => null,
  );
  const { workers } = await client.listWorkers();
  if (kept && workers.some((worker) => worker.workerId === kept.workerId)) return kept.token;
  const { workerId, token } = await client.createWorkerToken({ name, pool: "default" });
  await writeFile(file, JSON.stringify({ workerId, token }), { mode: 0o600 });
  return token;
}
