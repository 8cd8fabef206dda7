import { Command as Program, CommanderError } from "commander";
import { VERSION } from "../kernel/version.ts";
import { addActions } from "./actions.ts";
import type { CommandSpec, Flag } from "./command.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./commands.ts";
import { createContext, homeOf, type GlobalOptions, type Options } from "./context.ts";
import { EXIT, exitCodeOf, report } from "./exit.ts";
import { processIo, type Io } from "./io.ts";
import { sanitizeText } from "../terminal/sanitize.ts";

/** Runs one command line and resolves with its exit code. Everything a user may see of an error is printed here. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const io = processIo({ color: !own(argv).includes("--no-color") });
  const program = createProgram(io);
  try {
    return await parse(argv, io, program);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { explain } = await import("./unreachable.ts");
    report(explain(error, homeOf(io, program.opts<GlobalOptions>())), io);
    return exitCodeOf(error);
  }
}

async function parse(argv: readonly string[], io: Io, program: Program): Promise<number> {
  let code = 0;
  for (const spec of mentioned(argv)) {
    const call = async (command: Program, args: readonly string[]): Promise<void> => {
      const context = createContext(io, program.opts<GlobalOptions>(), { args, options: command.opts<Options>() });
      code = (await (await spec.load())(context)) ?? 0;
    };
    const command = addCommand(program, spec);
    const { actions } = spec;
    if (actions) addActions(command, { ...spec, actions }, { call, tell });
    else
      command.action(() =>
        call(
          command,
          command.processedArgs.flat().filter((one) => typeof one === "string"),
        ),
      );
  }
  await program.parseAsync(followFlag(argv), { from: "user" });
  return code;
}

function createProgram(io: Io): Program {
  const program = new Program("orco")
    .description("One program that orchestrates everything on one machine.")
    .usage("[options] <command>")
    .version(`orco ${VERSION}`, "-V, --version", "of this program; orco version: of the daemon too")
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: tell,
    })
    .showHelpAfterError("usage: orco [options] <command>      all commands: orco --help");
  for (const [flags, summary] of GLOBAL_OPTIONS) program.option(flags, summary);
  return program;
}

function tell(text: string, write: (text: string) => void): void {
  write(
    sanitizeText(text)
      .replace(/^error: /, "orco: ")
      .replace(/\n\((Did you mean [^)]*)\)/, (_, hint: string) => ` (${hint.toLowerCase()})`),
  );
}

function addCommand(program: Program, spec: CommandSpec): Program {
  const command = program
    .command([spec.name, spec.args].filter(Boolean).join(" "), { hidden: spec.hidden ?? false })
    .description(spec.summary);
  addOptions(command, spec.options);
  const { usage } = spec;
  if (usage !== undefined) command.usage(usage.replace(`${spec.name} `, ""));
  if (spec.example !== undefined) command.addHelpText("after", `\nExample:\n  orco ${spec.example}`);
  return command.showHelpAfterError(
    `usage: orco ${usage ?? `${[spec.name, spec.args].filter(Boolean).join(" ")} [options]`}      more: orco ${spec.name} --help`,
  );
}

function addOptions(command: Program, options: readonly Flag[] = []): void {
  const collect = (one: string, before: string[] = []): string[] => [...before, one];
  for (const [flags, summary, many] of options) {
    if (many) command.option(flags, summary, collect);
    else command.option(flags, summary);
  }
}

/** Building all commands costs 3 ms a call: only those whose name occurs, all of them for help and for suggestions. */
function mentioned(argv: readonly string[]): readonly CommandSpec[] {
  const words = own(argv);
  if (words.includes("help") || words.includes("completion")) return COMMANDS;
  const found = COMMANDS.filter((spec) => words.includes(spec.name));
  return found.length > 0 ? found : COMMANDS;
}

/** What is not the command line of somebody else. */
function own(argv: readonly string[]): readonly string[] {
  return argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
}

/** `-f` names the file everywhere, except behind `logs`, where it means follow (stack.md, Logs). */
export function followFlag(argv: readonly string[]): string[] {
  const end = own(argv).length;
  const at = argv.indexOf("logs");
  if (at < 0 || at > end || argv[at - 1] === "-f" || argv[at - 1] === "--file" || argv[at - 1] === "--stack") return [...argv];
  return argv.map((one, index) => (index > at && index < end && one === "-f" ? "-F" : one));
}
