import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

/**
 * A secret from the environment, else the one kept in `<data>/<file>` (mode 600), else a new one that is
 * kept there from now on.
 *
 * @returns the value and the file it is in, or null when the environment gave it.
 */
export async function keepSecret(
  data: string,
  file: string,
  given: string | undefined,
  make: () => string,
): Promise<{ readonly value: string; readonly file: string | null }> {
  if (given) return { value: given, file: null };
  await mkdir(data, { recursive: true, mode: 0o700 });
  const location = path.join(data, file);
  try {
    // `wx`: two starts at once do not each keep another secret.
    await writeFile(location, `${make()}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return { value: (await readFile(location, "utf8")).trim(), file: location };
}

/** 256 random bits behind a prefix that says what it is. */
export function randomSecret(prefix: string): string {
  return `${prefix}${randomBytes(32).toString("base64url")}`;
}
