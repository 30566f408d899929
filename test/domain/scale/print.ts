/** Usage: node test/domain/scale/print.ts [workers] [tasks] [shards] */
import { simulate } from "./simulate.ts";

const [workers = 10_000, tasks = 1_000_000, shards = 25] = process.argv.slice(2).map(Number);
const scale = { workers, tasks, shards };
process.stdout.write(`${JSON.stringify({ ...scale, ...simulate(scale) }, null, 2)}\n`);
