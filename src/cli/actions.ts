import type { Command as Program } from "commander";
import { OrcoError } from "../kernel/errors.ts";
import type { ActionSpec, CommandSpec } from "./command.ts";

type WithActions = CommandSpec & Required<Pick<CommandSpec, "actions">>;

/** Called with the arguments, the name of the action first. */
type Call = (command: Program, args: readonly string[]) => Promise<void>;

/** Writes what is wrong with a command line. */
type Tell = (text: string, write: (text: string) => void) => void;

/** `orco run submit`: each action has its help, takes its own options, and says what is wrong with its line. */
export function addActions(command: Program, spec: WithActions, { call, tell }: { call: Call; tell: Tell }): void {
  command
    .usage(["<action> [options]", spec.otherwise && `| ${spec.otherwise.args ?? ""} [options]`].filter(Boolean).join(" "))
    .commandsGroup("Actions:")
    .helpCommand(false)
    .allowExcessArguments()
    .addHelpText("after", `\nOptions and an example of each: orco ${spec.name} <action> --help${otherwiseText(spec)}`)
    .showHelpAfterError(`usage: orco ${spec.name} <action> [options]      more: orco ${spec.name} --help`)
    .configureOutput({ outputError: (text, write) => tell(explained(text, spec), write) })
    .action((_options: unknown, self: Program) => call(self, meant(spec, self.args)));
  for (const [flags, summary] of spec.otherwise?.options ?? []) command.option(flags, summary);
  for (const action of spec.actions) {
    const added = addAction(command, { spec, action, tell });
    added.action(() => {
      takeOptions(command, added);
      refuseOtherwise(spec, action, command.opts());
      return call(added, [action.name, ...added.processedArgs.flat().filter((one) => typeof one === "string")]);
    });
  }
}

function addAction(parent: Program, { spec, action, tell }: { spec: WithActions; action: ActionSpec; tell: Tell }): Program {
  const name = `${spec.name} ${action.name}`;
  const command = parent
    .command([action.name, action.args].filter(Boolean).join(" "))
    .description(action.summary)
    .allowExcessArguments(false)
    .addHelpText("after", `\nExample:\n  orco ${action.example}`)
    // What follows a word that is no action is an option of that alone.
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions: () => [...(parent.parent?.options ?? [])] })
    .configureOutput({ outputError: (text, write) => tell(explained(text, spec, action), write) });
  for (const [flags, summary] of action.options ?? []) command.option(flags, summary);
  return command.showHelpAfterError(
    `usage: orco ${[name, action.args].filter(Boolean).join(" ")} [options]      more: orco ${name} --help`,
  );
}

function otherwiseText({ otherwise }: WithActions): string {
  return otherwise === undefined ? "" : `\n\n${otherwise.args}: ${otherwise.summary}\n  orco ${otherwise.example}`;
}

/** Of a line that names none of the actions. Errors: usage. */
function meant(spec: WithActions, words: readonly string[]): readonly string[] {
  const { name, otherwise } = spec;
  const [first, ...more] = words;
  if (otherwise === undefined || first === undefined) return [actionMeant(spec, first)];
  if (more.length > 0 && !/[ ]/.test(otherwise.args ?? ""))
    throw new OrcoError("invalid", `${name} ${first} takes nothing more; ${name} takes ${namesOf(spec)}, or ${otherwise.args} alone`, {
      usage: true,
    });
  return [otherwise.name, first, ...more];
}

/** Commander gives the options of `otherwise` to the command wherever they stand, also those that the action has as well. */
function takeOptions(from: Program, action: Program): void {
  for (const [name, value] of Object.entries(from.opts<Record<string, unknown>>())) {
    if (!action.options.some((option) => option.attributeName() === name)) continue;
    action.setOptionValue(name, value);
    from.setOptionValue(name, undefined);
  }
}

/** What is left is none of the action's. */
function refuseOtherwise({ name, otherwise }: WithActions, action: ActionSpec, given: object): void {
  const [flag] = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (flag === undefined || otherwise === undefined) return;
  const written = flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new OrcoError("invalid", `--${written} is an option of ${name} ${otherwise.args}, not of ${name} ${action.name}`, { usage: true });
}

function namesOf({ actions }: WithActions): string {
  return actions.map((one) => one.name).join(", ");
}

/** Of a line that names none of them. Errors: usage. */
function actionMeant(spec: WithActions, given: string | undefined): string {
  const { name, usually, otherwise } = spec;
  if (given === undefined && usually !== undefined) return usually;
  const not = given === undefined ? "" : `, not ${JSON.stringify(given)}`;
  throw new OrcoError("invalid", `${name} takes ${namesOf(spec)}${otherwise === undefined ? "" : `, or ${otherwise.args}`}${not}`, {
    usage: true,
    next: `what each does: orco ${name} --help`,
  });
}

/** What commander says of one line, said of this action: who has the option, and all that it takes. */
function explained(text: string, spec: WithActions, action?: ActionSpec): string {
  const flag = /^error: unknown option '([^']+)'/.exec(text)?.[1];
  if (flag !== undefined) return ofAnother(flag, spec, action) ?? text;
  if (action === undefined) return text;
  const takes = `error: ${spec.name} ${action.name} takes ${action.args ?? "no arguments"}`;
  const missing = /^error: missing required argument '([^']+)'/.exec(text)?.[1];
  if (missing !== undefined) return `${takes}; <${missing}> is missing\n`;
  return text.startsWith("error: too many arguments") ? `${takes}, and nothing more\n` : text;
}

function ofAnother(flag: string, { name, actions }: WithActions, action: ActionSpec | undefined): string | undefined {
  const owners = actions.filter(({ options = [] }) => options.some(([flags]) => flags.split(/[ ,]+/).includes(flag)));
  if (owners.length === 0) return undefined;
  const whose = owners.map((one) => `${name} ${one.name}`).join(" and ");
  const where = action === undefined ? ": it goes after the action" : `, not of ${name} ${action.name}`;
  return `error: ${flag} is an option of ${whose}${where}\n`;
}
