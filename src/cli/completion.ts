import type { ActionSpec, Command, CommandSpec, Flag } from "./command.ts";
import { usageError } from "./exit.ts";

const SHELLS = { bash, zsh, fish };

interface Table {
  readonly commands: readonly CommandSpec[];
  readonly globals: readonly Flag[];
}

/** Scripts for `source <(orco completion bash)`, made from the command table. */
export const completion =
  (table: Table): Command =>
  async ({ args, io }) => {
    const [shell = ""] = args;
    const shown = { ...table, commands: table.commands.filter(({ hidden }) => !hidden) };
    if (!Object.hasOwn(SHELLS, shell)) throw usageError(`completion takes one of bash, zsh, fish, not ${JSON.stringify(shell)}`);
    io.out(SHELLS[shell as keyof typeof SHELLS](shown));
    return undefined;
  };

/** The names of `orco status --json`; `-f` and `--stack` of the line are passed on. Nothing when no daemon answers. */
const SERVICES = `orco $1 status --json 2>/dev/null | tr '{' '\\n' | sed -n 's/^"service":"\\([^"]*\\)","state".*/\\1/p'`;

function flagsOf({ options = [] }: Pick<CommandSpec, "options">, globals: readonly Flag[]): string {
  const all = [...options, ...globals, ["-h, --help", ""] as const];
  return [...new Set(all.flatMap(([flags]) => flags.match(/--?[A-Za-z][A-Za-z-]*/g) ?? []))].join(" ");
}

function bash({ commands, globals }: Table): string {
  const cases = commands.map((spec) => {
    const actions = actionsOf(spec).map((action) => ` ${action.name}) flags="${flagsOf(action, globals)}"; words=;;`);
    const inner = actions.length > 0 ? ` case $action in${actions.join("")} esac;` : "";
    return `    ${spec.name}) flags="${flagsOf(spec.otherwise ?? spec, globals)}"; words="${wordsOf(spec)}";${inner};`;
  });
  return `# bash completion of orco: source <(orco completion bash)
_orco_services() { ${SERVICES}; }
_orco() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= action= where= flags words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      -f|--file|--stack|--home)
        [ "$command" = logs ] && [ "\${COMP_WORDS[i]}" = -f ] || { where="$where \${COMP_WORDS[i]} \${COMP_WORDS[i+1]}"; i=$((i + 1)); };;
      -*) ;;
      *) if [ -z "$command" ]; then command=\${COMP_WORDS[i]}; else action=\${action:-\${COMP_WORDS[i]}}; fi;;
    esac
  done
  case $prev in -f|--file|--home) [ "$command" = logs ] && [ "$prev" = -f ] || { COMPREPLY=($(compgen -f -- "$cur")); return; };; esac
  case $command in
    "") flags="${flagsOf({}, globals)}"; words="${commands.map((spec) => spec.name).join(" ")}";;
${cases.join("\n")}
  esac
  [[ $words = *@services ]] && { words=\${words%@services}; [[ $cur = -* ]] || words="$words $(_orco_services "$where")"; }
  if [[ $cur = -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur")); else COMPREPLY=($(compgen -W "$words" -- "$cur")); fi
}
complete -o default -F _orco orco
`;
}

function zsh({ commands, globals }: Table): string {
  const described = commands.map((spec) => `    '${spec.name}:${quoted(spec.summary)}'`);
  const cases = commands.map((spec) => {
    const flags = flagsOf(spec.otherwise ?? spec, globals);
    const words = `words=(${wordsOf(spec).replace("@services", "$(_orco_services)")})`;
    const actions = actionsOf(spec).map((action) => ` ${action.name}) flags=(${flagsOf(action, globals)}); words=();;`);
    const inner = actions.length > 0 ? ` case $action in${actions.join("")} esac;` : "";
    return `    ${spec.name}) flags=(${flags}); ${words};${inner};`;
  });
  return `#compdef orco
# zsh completion of orco: source <(orco completion zsh)
_orco_services() { set --; ${SERVICES}; }
_orco() {
  local -a commands flags words_
  local command= action= i
  commands=(
${described.join("\n")}
  )
  for ((i = 2; i < CURRENT; i++)); do
    case \${words[i]} in
      -f|--file|--stack|--home) ((i++));;
      -*) ;;
      *) if [[ -z $command ]]; then command=\${words[i]}; else action=\${words[i]}; break; fi;;
    esac
  done
  if [[ \${words[CURRENT-1]} == (-f|--file|--home) && $command != logs ]]; then _files; return; fi
  case $command in
    "") flags=(${flagsOf({}, globals)}); [[ \${words[CURRENT]} == -* ]] || { _describe command commands; return; };;
${cases.map((line) => line.replaceAll("words=(", "words_=(")).join("\n")}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then compadd -- $flags; elif ((\${#words_})); then compadd -- $words_; else _files; fi
}
compdef _orco orco
`;
}

function fish({ commands, globals }: Table): string {
  const lines = [
    "# fish completion of orco: orco completion fish | source",
    `function __orco_services; set -l where ''; sh -c ${fishQuoted(SERVICES)} sh ''; end`,
    "complete -c orco -f",
  ];
  for (const [flags, summary] of globals) lines.push(`complete -c orco ${fishFlags(flags)} -d ${fishQuoted(summary)}`);
  const withActions = commands.filter(({ actions }) => actions).map(({ name }) => name);
  for (const spec of commands) {
    lines.push(`complete -c orco -n __fish_use_subcommand -a ${spec.name} -d ${fishQuoted(spec.summary)}`);
    if (spec.actions) {
      lines.push(...fishActions(spec));
      continue;
    }
    const when = `-n '__fish_seen_subcommand_from ${spec.name}; and not __fish_seen_subcommand_from ${withActions.join(" ")}'`;
    for (const [flags, summary] of spec.options ?? []) lines.push(`complete -c orco ${when} ${fishFlags(flags)} -d ${fishQuoted(summary)}`);
    if (spec.completes === "services") lines.push(`complete -c orco ${when} -a '(__orco_services)'`);
    else if (spec.completes) lines.push(`complete -c orco ${when} -a '${spec.completes.join(" ")}'`);
  }
  return `${lines.join("\n")}\n`;
}

function fishActions(spec: CommandSpec): string[] {
  const seen = `__fish_seen_subcommand_from ${spec.name}`;
  const names = actionsOf(spec).map(({ name }) => name);
  return actionsOf(spec).flatMap(({ name, summary, args, options = [] }) => [
    `complete -c orco -n '${seen}; and not __fish_seen_subcommand_from ${names.join(" ")}' -a ${name} -d ${fishQuoted(summary)}`,
    ...(args?.includes("<file>") ? [`complete -c orco -n '${seen}; and __fish_seen_subcommand_from ${name}' -F`] : []),
    ...options.map(
      ([flags, about]) =>
        `complete -c orco -n '${seen}; and __fish_seen_subcommand_from ${name}' ${fishFlags(flags)} -d ${fishQuoted(about)}`,
    ),
  ]);
}

function actionsOf({ actions = [] }: CommandSpec): readonly ActionSpec[] {
  return actions;
}

function wordsOf({ completes, actions }: CommandSpec): string {
  const more = completes === "services" ? ["@services"] : (completes ?? []);
  return [...(actions ?? []).map(({ name }) => name), ...more].join(" ");
}

function fishFlags(flags: string): string {
  const takes = flags.includes("<") ? " -r" : "";
  const files = flags.includes("<path>") || flags.includes("<folder>") ? " -F" : "";
  const names = (flags.match(/--?[A-Za-z][A-Za-z-]*/g) ?? []).map((name) =>
    name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  return names.join(" ") + takes + files;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(":", "\\:");
}
