/** Stored presets. Every read and write names its account. */
import { and, desc, eq, lt } from "drizzle-orm";
import { openCatalogue } from "./db.ts";
import { presets } from "./schema.ts";

export type PresetRow = typeof presets.$inferSelect;

const mine = (accountId: string, presetId: string) =>
  and(eq(presets.id, presetId), eq(presets.accountId, accountId));

export async function findPresetRow(
  db: D1Database,
  accountId: string,
  presetId: string,
): Promise<PresetRow | null> {
  const row = await openCatalogue(db).select().from(presets).where(mine(accountId, presetId)).get();
  return row ?? null;
}

export async function insertPreset(db: D1Database, row: PresetRow): Promise<void> {
  await openCatalogue(db).insert(presets).values(row);
}

/** Replaces what a client sets; null when there is no such preset. */
export async function replacePreset(
  db: D1Database,
  accountId: string,
  presetId: string,
  change: Pick<PresetRow, "name" | "description" | "recipe" | "outputFormat" | "updatedAt">,
): Promise<PresetRow | null> {
  const rows = await openCatalogue(db)
    .update(presets)
    .set(change)
    .where(mine(accountId, presetId))
    .returning();
  return rows[0] ?? null;
}

export async function deletePreset(
  db: D1Database,
  accountId: string,
  presetId: string,
): Promise<"deleted" | "missing"> {
  const rows = await openCatalogue(db)
    .delete(presets)
    .where(mine(accountId, presetId))
    .returning({ id: presets.id });
  return rows.length > 0 ? "deleted" : "missing";
}

/** Newest first; those after `before` when it is given. */
export async function listPresets(
  db: D1Database,
  accountId: string,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly PresetRow[]> {
  return openCatalogue(db)
    .select()
    .from(presets)
    .where(
      and(
        eq(presets.accountId, accountId),
        page.before === null ? undefined : lt(presets.id, page.before),
      ),
    )
    .orderBy(desc(presets.id))
    .limit(page.limit);
}
