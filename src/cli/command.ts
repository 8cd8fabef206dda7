import type { Context } from "./context.ts";

/** A command: parse → one call → render. Resolves with the exit code, nothing for 0; throws `OrcoError`. */
export type Command = (context: Context) => Promise<number | undefined>;

/** `many`: it may be given again and again, each time with one value. */
export type Flag = readonly [flags: string, summary: string, many?: "many"];

/** What a command with several does, such as `run submit`. The command gets its name as the first argument. */
export interface ActionSpec {
  readonly name: string;
  /** As commander takes them: `<run> [name]`. */
  readonly args?: string;
  readonly summary: string;
  /** Flags and what they do; those of other actions are refused. */
  readonly options?: readonly Flag[];
  /** What follows `orco`. */
  readonly example: string;
}

export interface CommandSpec {
  readonly name: string;
  /** As commander takes them: `<service> [replicas]`, `[services...]`. */
  readonly args?: string;
  readonly summary: string;
  /** Flags and what they do. */
  readonly options?: readonly Flag[];
  /** What follows `orco`. */
  readonly example?: string;
  /** Instead of the name and `args`, where the line is written otherwise. */
  readonly usage?: string;
  /** Instead of arguments and options. */
  readonly actions?: readonly ActionSpec[];
  /** What a first word means that is none of the actions: the command gets the name of this one, then the words. */
  readonly otherwise?: ActionSpec;
  /** The action that is meant where none is named. */
  readonly usually?: string;
  /** What the shell completes for its arguments. */
  readonly completes?: "services" | readonly string[];
  /** For the program itself: neither help nor completion names it. */
  readonly hidden?: boolean;
  /** Loaded when it is called: a command pays for itself alone. */
  load(): Promise<Command>;
}
