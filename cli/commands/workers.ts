/** `telecine workers`: the fleet, its tokens, draining and revoking. */
import type { Command } from "commander";
import { MAX_EXPIRY_SECONDS } from "../../protocol/http/keys.ts";
import type { Worker } from "../../protocol/http/workers.ts";
import { agoText } from "../duration-text.ts";
import { clientFromEnvironment, edgeUrl } from "../environment.ts";
import { firstOf } from "../pages.ts";
import { type JsonOption, paintState, print, withJson } from "../print.ts";
import { type Paint, table } from "../table.ts";
import { wholeNumber } from "./options.ts";

export function addWorkers(program: Command): void {
  const workers = program
    .command("workers")
    .description("list workers; make their tokens, drain and revoke them")
    .addHelpText(
      "after",
      `
Examples:
  telecine workers
  telecine workers token --name gpu-1 --pool default
  telecine workers drain wkr_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA`,
    );
  addList(workers);
  addToken(workers);
  withJson(
    workers
      .command("drain")
      .description(
        "let a worker finish what it holds, and give it nothing new until it is started again",
      )
      .argument("<id>", "wkr_..."),
  ).action(async (workerId: string, options: JsonOption) => {
    const answer = await clientFromEnvironment(process.env).drainWorker(workerId);
    print(
      options,
      answer,
      () =>
        `${answer.workerId} takes nothing new. Once it is idle, end it: it takes work again when it is started again.\n`,
    );
  });
  withJson(
    workers
      .command("revoke")
      .description("revoke a worker: its token ends, and its work goes to others")
      .argument("<id>", "wkr_..."),
  ).action(async (workerId: string, options: JsonOption) => {
    await clientFromEnvironment(process.env).revokeWorker(workerId);
    print(options, { revoked: true, workerId }, () => `${workerId} is revoked.\n`);
  });
}

function addList(workers: Command): void {
  withJson(
    workers
      .command("list", { isDefault: true })
      .description("list workers with what they do now")
      .option("--limit <n>", "how many", wholeNumber("--limit", 1, 10_000), 200),
  ).action(async (options: JsonOption & { readonly limit: number }) => {
    const client = clientFromEnvironment(process.env);
    const { items, nextCursor } = await firstOf(options.limit, async (page) => {
      const answer = await client.listWorkers(page);
      return { items: answer.workers, nextCursor: answer.nextCursor };
    });
    print(options, { workers: items, nextCursor }, () =>
      items.length === 0
        ? "No workers. telecine workers token --name NAME makes a token for one.\n"
        : workerTable(items, Date.now(), paintState),
    );
  });
}

/** The list; encoders by their devices. */
function workerTable(workers: readonly Worker[], now: number, paint?: Paint): string {
  const rows = workers.map((worker) => [
    worker.workerId,
    worker.name,
    worker.pool,
    worker.state,
    `${worker.busy}/${worker.slots}`,
    encodersOf(worker),
    worker.connected ? "now" : agoText(worker.lastSeenAt, now),
  ]);
  return table(["WORKER", "NAME", "POOL", "STATE", "BUSY", "ENCODERS", "SEEN"], rows, paint);
}

function encodersOf({ capabilities }: Worker): string {
  if (capabilities === null) return "-";
  const byDevice = Map.groupBy(capabilities.encoders, ({ device }) => device);
  return [...byDevice]
    .map(([device, own]) => `${device}: ${own.map(({ encoder }) => encoder).join(" ")}`)
    .join("; ");
}

interface TokenOptions extends JsonOption {
  readonly name: string;
  readonly pool: string;
  readonly expiresIn?: number;
}

function addToken(workers: Command): void {
  const command = workers
    .command("token")
    .description("make a worker and its token, which is shown this once")
    .requiredOption("--name <name>", "what people call the worker, e.g. gpu-1")
    .option("--pool <name>", "its pool; made when it is new", "default")
    .option(
      "--expires-in <s>",
      "seconds until the token ends; without it, when it is revoked",
      wholeNumber("--expires-in", 1, MAX_EXPIRY_SECONDS),
    );
  withJson(command).action(async ({ json, name, pool, expiresIn }: TokenOptions) => {
    const created = await clientFromEnvironment(process.env).createWorkerToken({
      name,
      pool,
      ...(expiresIn === undefined ? {} : { expiresInSeconds: expiresIn }),
    });
    print({ json }, created, () => `${created.token}\n`);
    if (json) return;
    process.stderr.write(
      `${created.workerId} in pool ${created.pool}. The token is shown this once. On the box:\n` +
        `  TELECINE_URL=${edgeUrl(process.env)} TELECINE_WORKER_TOKEN=... npm run worker -- --name ${name}\n`,
    );
  });
}
