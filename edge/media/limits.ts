/** How large a source may be. MB means 1,000,000 bytes everywhere. */

const BYTES_PER_MB = 1_000_000;

/** Largest accepted source in bytes. */
function maxFileSizeBytes(settings: { readonly maxFileSizeMb: number }): number {
  return settings.maxFileSizeMb * BYTES_PER_MB;
}

/**
 * The `detail` of FILE_TOO_LARGE, or null where `sizeBytes` is within the limit. The size is rounded up, so
 * that a file one byte over never reads as "File size is 1000 MB. Maximum allowed is 1000 MB."
 */
export function fileTooLarge(
  sizeBytes: number,
  settings: { readonly maxFileSizeMb: number },
): string | null {
  if (sizeBytes <= maxFileSizeBytes(settings)) return null;
  const sizeMb = Math.ceil(sizeBytes / BYTES_PER_MB);
  return `File size is ${sizeMb} MB. Maximum allowed is ${settings.maxFileSizeMb} MB.`;
}
