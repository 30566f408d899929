/** What may be typed after each command, read off the tree of commands. Pure. */
import type { Command, Option } from "commander";
import { wordsOf } from "./commands/options.ts";

export interface Word {
  readonly word: string;
  readonly about: string;
}

export type Value =
  /** What it is, nobody here knows. */
  | { readonly kind: "any" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "folder" };

export interface OptionWord extends Word {
  /** Null for a flag: what follows is no value. */
  readonly value: Value | null;
}

/** A command: the words it was called by, with spaces between them. */
export interface Node {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly OptionWord[];
  /** What its argument may be, where that is known. */
  readonly choices: readonly string[];
  /** Files may follow. */
  readonly takesFile: boolean;
}

const HELP: OptionWord = { word: "--help", about: "display help for command", value: null };

function isHidden(command: Command): boolean {
  return (command as unknown as { readonly _hidden?: boolean })._hidden === true;
}

/** Every command of a program, the program itself first. */
export function nodesOf(program: Command): readonly Node[] {
  const nodes = nodesBelow(program, []);
  const choices = nodes.find(({ path }) => path === "")?.commands.map(({ word }) => word) ?? [];
  return nodes.map((node) => (node.path === "help" ? { ...node, choices } : node));
}

function nodesBelow(command: Command, path: readonly string[]): Node[] {
  const subcommands = command.commands.filter((each) => !isHidden(each));
  // A group without a subcommand is its default one: the options of that are its own.
  const listed = subcommands.find((each) => each.name() === "list");
  const options = [...command.options, ...(listed?.options ?? [])].map(optionWord);
  const hasHelp = command.helpInformation().includes("--help");
  const node: Node = {
    path: path.join(" "),
    commands: subcommands.map((each) => ({ word: each.name(), about: each.description() })),
    options: [...options, ...(hasHelp ? [HELP] : [])],
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    takesFile: command.registeredArguments.some((argument) => argument.name() === "file"),
  };
  return [node, ...subcommands.flatMap((each) => nodesBelow(each, [...path, each.name()]))];
}

function optionWord(option: Option): OptionWord {
  const { long, short, description, required } = option;
  return {
    word: long ?? short ?? "",
    about: description,
    value: required ? valueAfter(option) : null,
  };
}

function valueAfter({ flags, argChoices, parseArg }: Option): Value {
  const words = argChoices ?? wordsOf(parseArg);
  if (words !== undefined) return { kind: "words", words };
  return flags.endsWith("<dir>") ? { kind: "folder" } : { kind: "any" };
}
