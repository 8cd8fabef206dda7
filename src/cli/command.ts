import type { Context } from "./context.ts";

/** A command: parse → one call → render. Resolves with the exit code, nothing for 0; throws `OrcoError`. */
export type Command = (context: Context) => Promise<number | undefined>;

export type Flag = readonly [flags: string, summary: string];

export interface CommandSpec {
  readonly name: string;
  /** As commander takes them: `<service> [replicas]`, `[services...]`. */
  readonly args?: string;
  readonly summary: string;
  /** Flags and what they do. */
  readonly options?: readonly Flag[];
  /** What the shell completes for its arguments. */
  readonly completes?: "services" | readonly string[];
  /** For the program itself: neither help nor completion names it. */
  readonly hidden?: boolean;
  /** Loaded when it is called: a command pays for itself alone. */
  load(): Promise<Command>;
}
