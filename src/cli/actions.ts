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
    .usage("<action> [options]")
    .commandsGroup("Actions:")
    .helpCommand(false)
    .allowExcessArguments()
    .addHelpText("after", `\nOptions and an example of each: orco ${spec.name} <action> --help`)
    .showHelpAfterError(`usage: orco ${spec.name} <action> [options]      more: orco ${spec.name} --help`)
    .configureOutput({ outputError: (text, write) => tell(explained(text, spec), write) })
    .action((_options: unknown, self: Program) => call(self, [actionMeant(spec, self.args[0])]));
  for (const action of spec.actions) {
    const added = addAction(command, { spec, action, tell });
    added.action(() => call(added, [action.name, ...added.processedArgs.flat().filter((one) => typeof one === "string")]));
  }
}

function addAction(parent: Program, { spec, action, tell }: { spec: WithActions; action: ActionSpec; tell: Tell }): Program {
  const name = `${spec.name} ${action.name}`;
  const command = parent
    .command([action.name, action.args].filter(Boolean).join(" "))
    .description(action.summary)
    .allowExcessArguments(false)
    .addHelpText("after", `\nExample:\n  orco ${action.example}`)
    .configureOutput({ outputError: (text, write) => tell(explained(text, spec, action), write) });
  for (const [flags, summary] of action.options ?? []) command.option(flags, summary);
  return command.showHelpAfterError(
    `usage: orco ${[name, action.args].filter(Boolean).join(" ")} [options]      more: orco ${name} --help`,
  );
}

/** Of a line that names none of them. Errors: usage. */
function actionMeant({ name, actions, usually }: WithActions, given: string | undefined): string {
  if (given === undefined && usually !== undefined) return usually;
  const not = given === undefined ? "" : `, not ${JSON.stringify(given)}`;
  throw new OrcoError("invalid", `${name} takes ${actions.map((one) => one.name).join(", ")}${not}`, {
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
  const where = action === undefined ? "goes after the action" : `not of ${name} ${action.name}`;
  return `error: ${flag} is an option of ${whose}, ${where}\n`;
}
