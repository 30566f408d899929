/** Completion scripts for shells, made from the tree of commands. Pure. */
import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Word {
  readonly word: string;
  readonly about: string;
}

/** What may follow a command: the words it was called by, with spaces between them. */
interface Node {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
  /** Options that take a value: the word after them is no command. */
  readonly valued: readonly string[];
  /** Files may follow. */
  readonly takesFile: boolean;
}

function isHidden(command: Command): boolean {
  return (command as unknown as { readonly _hidden?: boolean })._hidden === true;
}

function nodesOf(command: Command, path: readonly string[]): Node[] {
  const subcommands = command.commands.filter((each) => !isHidden(each));
  // A group without a subcommand is its default one: the options of that are its own.
  const listed = subcommands.find((each) => each.name() === "list");
  const options = [...command.options, ...(listed?.options ?? [])].filter(({ long }) => long);
  const help = { word: "--help", about: "display help for command" };
  const hasHelp = command.helpInformation().includes("--help");
  const node: Node = {
    path: path.join(" "),
    commands: subcommands.map((each) => ({ word: each.name(), about: each.description() })),
    options: [
      ...options.map(({ long, description }) => ({ word: long ?? "", about: description })),
      ...(hasHelp ? [help] : []),
    ],
    valued: options.filter(({ required }) => required).map(({ long }) => long ?? ""),
    takesFile: command.registeredArguments.some((argument) => argument.name() === "file"),
  };
  return [node, ...subcommands.flatMap((each) => nodesOf(each, [...path, each.name()]))];
}

/** The script that completes a program's commands and options in a shell. */
export function completionScript(program: Command, shell: Shell): string {
  const nodes = nodesOf(program, []);
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

/** The words of the commands typed so far, one loop for both shells: options and their values are passed over. */
function walk(nodes: readonly Node[], words: string): string {
  const valued = [...new Set(nodes.flatMap((node) => node.valued))];
  const steps = nodes.flatMap(({ path, commands }) =>
    commands.map(({ word }) => quote(`${path} ${word}`.trim())),
  );
  return `  local at="" skip=0 word next
  for word in ${words}; do
    if (( skip )); then skip=0; continue; fi
    case "$word" in
      ${valued.join("|")}) skip=1; continue ;;
      -*) continue ;;
    esac
    next="\${at:+$at }$word"
    case "$next" in
      ${steps.join("|")}) at="$next" ;;
    esac
  done`;
}

function bash(name: string, nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const words = [...node.commands, ...node.options].map(({ word }) => word).join(" ");
    const files = node.takesFile ? ' files="yes"' : "";
    return `    ${quote(node.path)}) words=${quote(words)}${files} ;;`;
  });
  return `# bash completion of ${name}; in ~/.bashrc: source <(${name} completion bash)
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="" words="" files=""
  (( COMP_CWORD > 0 )) && previous="\${COMP_WORDS[COMP_CWORD-1]}"
${walk(nodes, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  if (( skip )); then
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  case "$at" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -n "$files" && "$current" != -* ]]; then
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _${name} ${name}
`;
}

function zsh(name: string, nodes: readonly Node[]): string {
  const entry = ({ word, about }: Word) => quote(`${word}:${about.replaceAll(":", "\\:")}`);
  const cases = nodes.map((node) => {
    const words = [...node.commands, ...node.options].map(entry).join(" ");
    return `    ${quote(node.path)}) entries=(${words})${node.takesFile ? " files=yes" : ""} ;;`;
  });
  return `#compdef ${name}
# zsh completion of ${name}; in ~/.zshrc, after compinit: source <(${name} completion zsh)
_${name}() {
  local -a entries
  local files=""
${walk(nodes, `"\${(@)words[2,CURRENT-1]}"`)}
  if (( skip )); then _files; return; fi
  case "$at" in
${cases.join("\n")}
  esac
  _describe 'command' entries
  [[ -n "$files" ]] && _files
  return 0
}
compdef _${name} ${name}
`;
}

function fish(name: string, nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const when = `-n ${quote(`__${name}_at ${node.path === "" ? "''" : `"${node.path}"`}`)}`;
    const valued = new Set(node.valued);
    return [
      ...node.commands.map(
        ({ word, about }) => `complete -c ${name} ${when} -f -a ${word} -d ${quote(about)}`,
      ),
      ...node.options.map(
        ({ word, about }) =>
          `complete -c ${name} ${when} -l ${word.slice(2)}${valued.has(word) ? " -r" : ""} -d ${quote(about)}`,
      ),
      ...(node.takesFile ? [`complete -c ${name} ${when} -F`] : []),
    ];
  });
  const valued = [...new Set(nodes.flatMap((node) => node.valued))].join(" ");
  const steps = nodes
    .flatMap(({ path, commands }) => commands.map(({ word }) => `${path} ${word}`.trim()))
    .map(quote)
    .join(" ");
  return `# fish completion of ${name}; in config.fish: ${name} completion fish | source
function __${name}_at
  set -l at ''
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
    else if contains -- $word ${valued}
      set skip 1
    else if not string match -q -- '-*' $word
      set -l next (string trim -- "$at $word")
      contains -- $next ${steps}; and set at $next
    end
  end
  test "$at" = "$argv[1]"
end
complete -c ${name} -f
${lines.join("\n")}
`;
}
