import type { AppContract } from "./contract.ts";

/** Wire objects of deploys (seed 000; deploy.md). */

export type SlotName = "blue" | "green";

export interface DeployResult {
  readonly success: boolean;
  readonly slot: SlotName | null;
  readonly commit: string | null;
  readonly previous_commit: string | null;
  readonly app: string;
  readonly run: string;
  /** What did not hold up the deploy but should be known: a post_deploy hook that failed, an alert that was not delivered. */
  readonly warnings?: readonly string[];
}

export interface RollbackResult {
  readonly success: boolean;
  readonly slot: SlotName | null;
  readonly commit: string | null;
  readonly app: string;
  readonly run: string;
  readonly warnings?: readonly string[];
}

/** The six fields of the document, then ours. */
export interface AppStatus {
  readonly live_slot: SlotName | null;
  readonly live_commit: string | null;
  readonly previous_slot: SlotName | null;
  readonly previous_commit: string | null;
  /** RFC 3339. */
  readonly last_deploy_time: string | null;
  /** The live process runs and its health endpoint answers. */
  readonly healthy: boolean;
  readonly app: string;
  readonly port: number | null;
  /** Why it is not healthy, or what is under way. */
  readonly message?: string;
  /** The run that changes the app now. */
  readonly run?: string;
  readonly restarts: number;
}

export interface AppView {
  readonly name: string;
  readonly repo: string;
  /** As given with PUT; null: `orco.app.json` of the commit counts. */
  readonly contract: AppContract | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly status: AppStatus;
}

export interface PutApp {
  readonly repo: string;
  readonly contract?: unknown;
}

export interface ReleaseView {
  readonly run: string;
  readonly kind: "deploy" | "rollback";
  readonly commit: string;
  /** First line of the commit's message. */
  readonly subject: string;
  readonly slot: SlotName;
  readonly state: "live" | "previous" | "retired" | "failed" | "pending";
  readonly at: string;
  readonly error?: { readonly code: string; readonly message: string };
}
