/** The one way to the tables: drizzle over the D1 binding. Making it costs nothing, so callers pass the binding. */
import { drizzle } from "drizzle-orm/d1";
import * as schema from "./schema.ts";

export function openCatalogue(db: D1Database) {
  return drizzle(db, { schema });
}

export type Catalogue = ReturnType<typeof openCatalogue>;
