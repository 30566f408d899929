/** Completion scripts for shells, made from the tree of commands. Pure. */
import type { Command } from "commander";
import { type Node, nodesOf, type Value, type Word } from "./completion-tree.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The script that completes a program's commands, options and their values in a shell. */
export function completionScript(program: Command, shell: Shell): string {
  const nodes = nodesOf(program);
  switch (shell) {
    case "bash":
      return bash(program.name(), nodes);
    case "zsh":
      return zsh(program.name(), nodes);
    case "fish":
      return fish(program.name(), nodes);
  }
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Options that take a value, whatever their command. */
function valuedOf(nodes: readonly Node[]): readonly string[] {
  const all = nodes.flatMap(({ options }) => options.filter(({ value }) => value !== null));
  return [...new Set(all.map(({ word }) => word))];
}

/** Every command below the program, by the words that call it. */
function stepsOf(nodes: readonly Node[]): readonly string[] {
  return nodes.flatMap(({ path, commands }) =>
    commands.map(({ word }) => quote(`${path} ${word}`.trim())),
  );
}

/**
 * For bash and zsh: the words of the commands typed so far are found as `at`, an option whose value is to come as
 * `valued`. Bash takes the `=` of `--option=value` for a word.
 */
function walk(nodes: readonly Node[], words: string): string {
  return `  local at="" valued="" word next
  for word in ${words}; do
    if [[ -n "$valued" ]]; then [[ "$word" == "=" ]] || valued=""; continue; fi
    case "$word" in
      ${valuedOf(nodes).join("|")}) valued="$word"; continue ;;
      -*) continue ;;
    esac
    next="\${at:+$at }$word"
    case "$next" in
      ${stepsOf(nodes).join("|")}) at="$next" ;;
    esac
  done`;
}

/** For bash and zsh: a case for each option whose value is known, `on` telling what it does. */
function valueCases(
  nodes: readonly Node[],
  on: (value: Exclude<Value, { kind: "any" }>) => string,
) {
  const cases = nodes.flatMap(({ path, options }) =>
    options.flatMap(({ word, value }) =>
      value === null || value.kind === "any"
        ? []
        : [`      ${quote(`${path} ${word}`.trim())}) ${on(value)} ;;`],
    ),
  );
  return cases.join("\n");
}

function bash(name: string, nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const own = [...node.commands, ...node.options].map(({ word }) => word);
    const words = [...node.choices, ...own].join(" ");
    const files = node.takesFile ? ' files="yes"' : "";
    return `    ${quote(node.path)}) words=${quote(words)}${files} ;;`;
  });
  const values = valueCases(nodes, (value) =>
    value.kind === "folder" ? 'files="folders"' : `words=${quote(value.words.join(" "))}`,
  );
  return `# bash completion of ${name}; in ~/.bashrc: source <(${name} completion bash)
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" files=""
  [[ "$current" == "=" ]] && current=""
${walk(nodes, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  if [[ -n "$valued" ]]; then
    case "\${at:+$at }$valued" in
${values}
    esac
  else
    case "$at" in
${cases.join("\n")}
    esac
  fi
  if [[ -n "$files" && "$current" != -* ]]; then
    # Alone here: a command would be given a slash where a folder has its name.
    compopt -o filenames 2>/dev/null
    if [[ "$files" == "folders" ]]; then
      COMPREPLY=($(compgen -d -- "$current"))
    else
      COMPREPLY=($(compgen -f -- "$current"))
    fi
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F _${name} ${name}
`;
}

function zsh(name: string, nodes: readonly Node[]): string {
  const entry = ({ word, about }: Word) => quote(`${word}:${about.replaceAll(":", "\\:")}`);
  const cases = nodes.map((node) => {
    const choices = node.choices.map((word) => ({ word, about: "" }));
    const words = [...choices, ...node.commands, ...node.options].map(entry).join(" ");
    return `    ${quote(node.path)}) entries=(${words})${node.takesFile ? " files=yes" : ""} ;;`;
  });
  const values = valueCases(nodes, (value) =>
    value.kind === "folder" ? "_files -/" : `compadd -- ${value.words.map(quote).join(" ")}`,
  );
  return `#compdef ${name}
# zsh completion of ${name}; in ~/.zshrc, after compinit: source <(${name} completion zsh)
# or as a file _${name} in a folder of fpath.
_${name}() {
  local -a entries
  local files=""
${walk(nodes, `"\${(@)words[2,CURRENT-1]}"`)}
  if [[ -n "$valued" ]]; then
    case "\${at:+$at }$valued" in
${values}
      *) _message 'value' ;;
    esac
    return
  fi
  case "$at" in
${cases.join("\n")}
  esac
  local found=1
  _describe 'command' entries && found=0
  if [[ -n "$files" ]]; then _files && found=0; fi
  return found
}
# A file of fpath is itself the function, when it is called for the first time.
if [[ "\${funcstack[1]}" == "_${name}" ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

/** What fish is told of an option's value. */
function fishValue(value: Value | null): string {
  switch (value?.kind) {
    case undefined:
      return "";
    case "any":
      return " -x";
    case "words":
      return ` -x -a ${quote(value.words.join(" "))}`;
    case "folder":
      return " -x -a '(__fish_complete_directories)'";
  }
}

function fish(name: string, nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const when = `-n ${quote(`__${name}_at ${node.path === "" ? "''" : `"${node.path}"`}`)}`;
    return [
      ...node.commands.map(
        ({ word, about }) => `complete -c ${name} ${when} -f -a ${word} -d ${quote(about)}`,
      ),
      ...node.choices.map((word) => `complete -c ${name} ${when} -f -a ${word}`),
      ...node.options.map(
        ({ word, about, value }) =>
          `complete -c ${name} ${when} -l ${word.slice(2)}${fishValue(value)} -d ${quote(about)}`,
      ),
      ...(node.takesFile ? [`complete -c ${name} ${when} -F`] : []),
    ];
  });
  return `# fish completion of ${name}; in config.fish: ${name} completion fish | source
function __${name}_at
  set -l at ''
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
    else if contains -- $word ${valuedOf(nodes).join(" ")}
      set skip 1
    else if not string match -q -- '-*' $word
      set -l next (string trim -- "$at $word")
      contains -- $next ${stepsOf(nodes).join(" ")}; and set at $next
    end
  end
  test "$at" = "$argv[1]"
end
complete -c ${name} -f
${lines.join("\n")}
`;
}
