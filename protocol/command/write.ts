/** A command written out again: the one way it is given to ffmpeg. Pure. */
import type { Command, Option } from "./model.ts";

/** An option's arguments. */
export function optionArgs({ name, specifier, value }: Option): string[] {
  const option = specifier === null ? `-${name}` : `-${name}:${specifier}`;
  return value === null ? [option] : [option, value];
}

/** The command as a client would write it; reading that gives the same command. */
export function writeCommand({ globals, inputs, complex, outputs }: Command): string[] {
  return [
    ...globals.flatMap(optionArgs),
    ...inputs.flatMap(({ key, options }) => [...options.flatMap(optionArgs), "-i", `{{${key}}}`]),
    ...(complex === null ? [] : optionArgs(complex)),
    ...outputs.flatMap(({ key, options }) => [...options.flatMap(optionArgs), `{{${key}}}`]),
  ];
}
