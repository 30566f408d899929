import { fileURLToPath } from "node:url";

/** The repository's root: everything that is started is found from here, whatever the working directory. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
