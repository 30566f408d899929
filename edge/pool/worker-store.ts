/** What the pool remembers of workers: what their last hello proved, and who is draining or revoked. Synchronous. */
import type { Capabilities } from "../../protocol/media.ts";

export interface WorkerRow {
  readonly workerId: string;
  readonly slots: number;
  readonly capabilities: Capabilities;
  readonly draining: boolean;
  readonly revoked: boolean;
}

export interface WorkerStore {
  get(workerId: string): WorkerRow | null;
  all(): readonly WorkerRow[];
  /** Writes nothing when the row says so already. */
  greet(workerId: string, slots: number, capabilities: Capabilities): void;
  setDraining(workerId: string, draining: boolean): void;
  setRevoked(workerId: string, at: number): void;
}

interface Columns {
  readonly [column: string]: SqlStorageValue;
  readonly id: string;
  readonly slots: number;
  readonly capabilities: string;
  readonly draining: number;
  readonly revoked_at: number | null;
}

const noCapabilities: Capabilities = { ffmpegVersion: "", encoders: [] };

export function createWorkerStore(sql: SqlStorage): WorkerStore {
  const cache = new Map<string, WorkerRow | null>();

  function read(workerId: string): WorkerRow | null {
    const [row] = sql.exec<Columns>("SELECT * FROM workers WHERE id = ?", workerId).toArray();
    return row === undefined ? null : toRow(row);
  }

  function get(workerId: string): WorkerRow | null {
    let row = cache.get(workerId);
    if (row === undefined) {
      row = read(workerId);
      cache.set(workerId, row);
    }
    return row;
  }

  function put(row: WorkerRow, revokedAt: number | null): void {
    sql.exec(
      `INSERT INTO workers (id, slots, capabilities, draining, revoked_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET slots = excluded.slots, capabilities = excluded.capabilities,
         draining = excluded.draining, revoked_at = COALESCE(revoked_at, excluded.revoked_at)`,
      row.workerId,
      row.slots,
      JSON.stringify(row.capabilities),
      row.draining ? 1 : 0,
      revokedAt,
    );
    cache.set(row.workerId, row);
  }

  const blank = (workerId: string): WorkerRow => ({
    workerId,
    slots: 0,
    capabilities: noCapabilities,
    draining: false,
    revoked: false,
  });

  return {
    get,

    all() {
      return sql.exec<Columns>("SELECT * FROM workers ORDER BY id").toArray().map(toRow);
    },

    greet(workerId, slots, capabilities) {
      const known = get(workerId);
      const isKnown =
        known !== null &&
        known.slots === slots &&
        JSON.stringify(known.capabilities) === JSON.stringify(capabilities);
      if (isKnown) return;
      put({ ...(known ?? blank(workerId)), slots, capabilities }, null);
    },

    setDraining(workerId, draining) {
      const known = get(workerId) ?? blank(workerId);
      if (known.draining !== draining) put({ ...known, draining }, null);
    },

    setRevoked(workerId, at) {
      const known = get(workerId) ?? blank(workerId);
      if (!known.revoked) put({ ...known, revoked: true }, at);
    },
  };
}

function toRow(row: Columns): WorkerRow {
  return {
    workerId: row.id,
    slots: row.slots,
    capabilities: JSON.parse(row.capabilities) as Capabilities,
    draining: row.draining !== 0,
    revoked: row.revoked_at !== null,
  };
}
