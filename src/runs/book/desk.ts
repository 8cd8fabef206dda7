import type { BookStore } from "../store.ts";
import type { RunTokens } from "../token.ts";
import type { Gate } from "./gate.ts";
import type { Leases } from "./leases.ts";
import type { LiveRuns } from "./live-runs.ts";
import type { BookOptions } from "./options.ts";

/** What the parts of the book share. */
export interface Desk {
  readonly options: BookOptions;
  readonly store: BookStore;
  readonly tokens: RunTokens;
  readonly runs: LiveRuns;
  readonly gate: Gate;
  readonly leases: Leases;
}
