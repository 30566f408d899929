import type { Env } from "./env.ts";

export { Pool } from "./pool/pool.ts";

export default {
  async fetch() {
    return new Response("telecine");
  },
} satisfies ExportedHandler<Env>;
