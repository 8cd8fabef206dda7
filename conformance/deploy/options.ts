import type { Timing } from "./timing.ts";

export interface SuiteOptions {
  /** Base of the orchestrator's API. Default with `start`: `http://127.0.0.1:{api_port}`. */
  readonly url?: string;
  /** Where the app is reached from outside. Default with `start`: `http://127.0.0.1:{port}`. */
  readonly proxy?: string;
  /** Shell command that runs the orchestrator in the foreground; `{repo} {contract} {port} {internal_port} {api_port} {home}`. */
  readonly start?: string;
  readonly stop?: string;
  /** Shell command that points a running orchestrator at `{repo}` and `{contract}`. Without it, and without {repo} in `start`: PUT /apps/default. */
  readonly setup?: string;
  /** The repository is made here instead of in a temporary folder: for an orchestrator that already knows where to look. */
  readonly repo?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** More fields of the contract, beside the six of the document. */
  readonly contract: Readonly<Record<string, unknown>>;
  readonly only?: readonly number[];
  /** Scenario → why it does not apply. Only those of level "orco". */
  readonly skip: ReadonlyMap<number, string>;
  readonly timing: Timing;
}

/** The suite cannot be run like this: nothing was tested. */
export class SetupError extends Error {}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
