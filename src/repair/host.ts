import type { Clock } from "../kernel/clock.ts";
import type { Audit } from "../kernel/audit.ts";
import type { Redactor } from "../supervise/logs/redact.ts";
import type { RepairBook } from "./book.ts";
import type { Tools } from "./copy/tools.ts";
import type { FileEdit } from "./finding.ts";
import type { RepairFiles } from "./files.ts";
import type { RepairMeter } from "./meter.ts";
import type { ServiceConfig, ServiceRef } from "./project.ts";
import type { RepairRecord } from "./record.ts";
import type { ServiceSnapshot } from "./snapshot.ts";
import type { OnLine, Target } from "./target.ts";

/** A service as a run works on it. */
export interface OpenTarget {
  readonly ref: ServiceRef;
  readonly target: Target;
  readonly config: ServiceConfig;
  /** Takes the service's secrets out of everything that is said. */
  readonly redactor: Redactor;
  /** The same as values, which no diff may hold. */
  readonly secrets: readonly string[];
  /** Build contexts of the project's other services, relative to the workspace. */
  readonly others: readonly string[];
  readonly tools: Tools;
  /** Where a name of a health URL is found. */
  readonly addressOf: (host: string) => Promise<string | undefined>;
}

/** Asked where the catalogue knows nothing. Undefined: it knows nothing either. */
export type Planner = (
  facts: { readonly instruction: string; readonly evidence: readonly string[]; readonly snapshot: ServiceSnapshot },
  work: { readonly signal: AbortSignal; readonly onLine: OnLine },
) => Promise<readonly FileEdit[] | undefined>;

/** What the workflow of repairs works with; wired in `daemon/repair.ts`. */
export interface RepairHost {
  readonly book: RepairBook;
  readonly files: RepairFiles;
  readonly clock: Clock;
  readonly meter: RepairMeter;
  readonly audit: Audit;
  /** Private folders of runs: `<folder>/<run>/…`. */
  readonly folder: string;
  readonly open: (record: RepairRecord, signal: AbortSignal) => Promise<OpenTarget>;
  readonly planner?: (mask: (text: string) => string) => Planner;
  readonly breakerMs: number;
  readonly githubToken?: string;
  readonly githubApi: string;
  /** Post-images of repairs that succeeded in this workspace: no changes of somebody else. SHA-256, hex. */
  readonly knownHashes: (workspace: string) => ReadonlySet<string>;
  /** The daemon leaves: what is under way is the next one's. */
  readonly isLeaving: () => boolean;
  readonly onError: (error: unknown) => void;
}
