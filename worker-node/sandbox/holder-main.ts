/** The entry of the process that makes the namespaces (`holder.ts`). */
import { holdNamespaces } from "./holder.ts";

await holdNamespaces();
