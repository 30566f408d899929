/**
 * The security check of a client's ffmpeg arguments (DESIGN.md section 7). Agents of this version run
 * recipes alone, so every command is refused here, at the first argument: a job that no agent could run is
 * not accepted.
 */

export type CommandCheck =
  | { readonly status: "ok" }
  | { readonly status: "refused"; readonly argument: string; readonly detail: string };

/** `keys` are the placeholders the command may use: the job's inputs and outputs. */
export function checkCommand(
  args: readonly string[],
  _keys: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
): CommandCheck {
  return {
    status: "refused",
    argument: args[0] ?? "",
    detail: "ffmpeg arguments are not run by this version; use a recipe",
  };
}
