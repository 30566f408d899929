/** What inputs, outputs and their files are called. */
import { z } from "zod";

/** `in_1`, `in_2`, ... and `out_1`, ...: the keys inputs and outputs go by. */
export const inputKeySchema = z.string().regex(/^in_[a-z0-9_]{1,32}$/, {
  error: "must be 'in_' and 1 to 32 lower-case letters, digits or underscores",
});
export const outputKeySchema = z.string().regex(/^out_[a-z0-9_]{1,32}$/, {
  error: "must be 'out_' and 1 to 32 lower-case letters, digits or underscores",
});

/** A name that is harmless as a file, in a URL and in a header. */
export const outputFilenameSchema = z.string().regex(/^(?!\.)[A-Za-z0-9._-]{1,100}$/, {
  error: "must be 1 to 100 of A-Z a-z 0-9 . _ - and not begin with a dot",
});
