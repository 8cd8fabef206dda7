import type { Client } from "../client/client.ts";
import { orcoHome } from "../kernel/home.ts";
import type { Io } from "./io.ts";
import { findStackFile, readStackFile, stackNameOf, type StackFile } from "./stack-file.ts";
import { usageError } from "./exit.ts";
import { sanitizeText } from "../terminal/sanitize.ts";

const STACK_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export interface GlobalOptions {
  readonly file?: string;
  readonly stack?: string;
  readonly home?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** One option of a command as commander parsed it. */
export type Options = Readonly<Record<string, string | boolean | undefined>>;

/** What every command gets: where to write, which stack is meant, how to reach the daemon. */
export interface Context {
  readonly io: Io;
  readonly global: GlobalOptions;
  readonly args: readonly string[];
  readonly options: Options;
  /** Absolute `$ORCO_HOME`. */
  readonly home: string;
  /** Not connected yet; calls fail with `unreachable`. */
  client(): Promise<Client>;
  /** `--stack`, else `stack.name` of the file. */
  stackName(): string;
  stackFile(): StackFile;
  /** A line for people; nothing with `--quiet`. Standard error, so that `--json` output stays clean. */
  note(text: string): void;
}

export function createContext(io: Io, global: GlobalOptions, given: { args: readonly string[]; options: Options }): Context {
  const home = homeOf(io, global);
  const stackFile = (): StackFile => readStackFile(io.cwd, global.file);
  return {
    io,
    global,
    home,
    ...given,
    stackFile,
    async client() {
      const { connect } = await import("./connect.ts");
      return connect(home);
    },
    stackName: () => namedStack(global) ?? stackNameOf(stackFile(), io.env),
    note: (text) => {
      if (!global.quiet) io.err(`${sanitizeText(text)}\n`);
    },
  };
}

export function homeOf(io: Io, global: GlobalOptions): string {
  return orcoHome(global.home === undefined ? io.env : { ...io.env, ORCO_HOME: global.home });
}

/** The stack of a command that works on all stacks when none is meant. */
export function optionalStackName(context: Context): string | undefined {
  const named = namedStack(context.global);
  if (named !== undefined) return named;
  return findStackFile(context.io.cwd, context.global.file) === undefined ? undefined : context.stackName();
}

/** Errors: usage for what can be no name. */
function namedStack({ stack }: GlobalOptions): string | undefined {
  if (stack !== undefined && !STACK_NAME.test(stack))
    throw usageError(`--stack takes the name of a stack (a-z, 0-9 and -, 63 at most), not ${JSON.stringify(stack)}`);
  return stack;
}

export function textOption(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/** Errors: usage when it is not a whole number within the range. */
export function countOf(text: string, name: string, { min = 0, max = 999_999_999 } = {}): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  const range = max < 999_999_999 ? ` from ${min} to ${max}` : "";
  if (!(value >= min && value <= max)) throw usageError(`${name} takes a whole number${range}, not ${JSON.stringify(text)}`);
  return value;
}
