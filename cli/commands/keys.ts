/** `telecine keys`: API keys are listed, made and revoked. For admins. */
import type { Command } from "commander";
import { scopeSchema } from "../../protocol/http/common.ts";
import { type Key, MAX_EXPIRY_SECONDS } from "../../protocol/http/keys.ts";
import { agoText } from "../duration-text.ts";
import { clientFromEnvironment } from "../environment.ts";
import { firstOf } from "../pages.ts";
import { type JsonOption, print, withJson } from "../print.ts";
import { table } from "../table.ts";
import { listOf, wholeNumber } from "./options.ts";

export function addKeys(program: Command): void {
  const keys = program
    .command("keys")
    .description("list, make and revoke API keys (needs an admin key)")
    .addHelpText(
      "after",
      `
Examples:
  telecine keys create --name ingest --scopes write
  telecine keys revoke key_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA`,
    );
  addList(keys);
  addCreate(keys);
  withJson(
    keys.command("revoke").description("revoke a key, at once").argument("<id>", "key_..."),
  ).action(async (keyId: string, options: JsonOption) => {
    await clientFromEnvironment(process.env).revokeKey(keyId);
    print(options, { revoked: true, keyId }, () => `${keyId} is revoked.\n`);
  });
}

function addList(keys: Command): void {
  withJson(
    keys
      .command("list", { isDefault: true })
      .description("list keys that are not revoked; never the keys themselves")
      .option("--limit <n>", "how many", wholeNumber("--limit", 1, 10_000), 200),
  ).action(async (options: JsonOption & { readonly limit: number }) => {
    const client = clientFromEnvironment(process.env);
    const { items, nextCursor } = await firstOf(options.limit, async (page) => {
      const answer = await client.listKeys(page);
      return { items: answer.keys, nextCursor: answer.nextCursor };
    });
    print(options, { keys: items, nextCursor }, () =>
      items.length === 0
        ? "No keys but the root key. telecine keys create --name NAME --scopes read,write makes one.\n"
        : keyTable(items, Date.now()),
    );
  });
}

function keyTable(keys: readonly Key[], now: number): string {
  const rows = keys.map((key) => [
    key.keyId,
    key.name,
    key.scopes.join(","),
    key.accountId,
    agoText(key.createdAt, now),
    key.expiresAt ?? "never",
  ]);
  return table(["KEY", "NAME", "SCOPES", "ACCOUNT", "CREATED", "EXPIRES"], rows);
}

interface CreateOptions extends JsonOption {
  readonly name: string;
  readonly scopes: ("read" | "write" | "admin")[];
  readonly account?: string;
  readonly expiresIn?: number;
}

function addCreate(keys: Command): void {
  const scopes = scopeSchema.options;
  const command = keys
    .command("create")
    .description("make a key, which is shown this once")
    .requiredOption("--name <name>", "what it is for")
    .option("--scopes <list>", `of ${scopes.join(",")}`, listOf("--scopes", scopes), [
      "read",
      "write",
    ])
    .option("--account <slug>", "another account; for the root key alone")
    .option(
      "--expires-in <s>",
      "seconds until it ends; without it, when it is revoked",
      wholeNumber("--expires-in", 1, MAX_EXPIRY_SECONDS),
    );
  withJson(command).action(async (options: CreateOptions) => {
    const { name, account, expiresIn } = options;
    const created = await clientFromEnvironment(process.env).createKey({
      name,
      scopes: options.scopes,
      ...(account === undefined ? {} : { accountId: account }),
      ...(expiresIn === undefined ? {} : { expiresInSeconds: expiresIn }),
    });
    print(options, created, () => `${created.key}\n`);
    if (!options.json) {
      process.stderr.write(`${created.keyId}. The key is shown this once: keep it safe.\n`);
    }
  });
}
