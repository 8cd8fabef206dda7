import type { ServiceConfig, ServiceProfile } from "../project.ts";
import type { Work } from "../target.ts";

/** A service of a stack that is up, as far as a repair is concerned. Paths are absolute. */
export interface StackService {
  readonly stack: string;
  readonly service: string;
  /** The stack's file; where it came from none, the folder its paths begin at. */
  readonly file: string;
  /** Folder of that file. */
  readonly folder: string;
  /** Names of the stack's services. */
  readonly services: readonly string[];
  /** Name that a build gives its image. */
  readonly imageName: string;
  /** Absent: nothing is built here. */
  readonly build?: StackBuild;
  readonly config: Omit<ServiceConfig, "build" | "raw">;
  /** Values of its secrets as they are now. */
  readonly secrets: readonly string[];
  /** Build contexts of the stack's other services. */
  readonly others: readonly string[];
  /** What the stack file says of crash loops. */
  readonly repair?: ServiceProfile["repair"];
  /** It runs by the clock. */
  readonly isScheduled: boolean;
  /** What an update of all its instances takes besides their starts, in ms. */
  readonly updateMs: number;
}

export interface StackBuild {
  readonly context: string;
  readonly dockerfile?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** Over everything that was in the build when the stack was applied. */
  readonly digest: string;
}

/** One instance, as its supervisor has it. Times are epoch ms. */
export interface StackInstance {
  readonly state: "Pending" | "Starting" | "Running" | "Stopping" | "Stopped" | "Failed";
  readonly wanted: "run" | "stop";
  readonly ready: boolean;
  /** Since its present start. */
  readonly wasReady: boolean;
  /** Readiness is asked for by probes. */
  readonly isProbed: boolean;
  readonly reason: string;
  readonly message?: string;
  readonly exit?: { readonly code?: number; readonly oomKilled: boolean; readonly at: number };
  readonly restarts: number;
  readonly startedAt?: number;
  /** Id of the present or last start. */
  readonly instance?: string;
  readonly container?: string;
  /** Hash of what it runs. */
  readonly version: string;
  /** Where it is dialled. */
  readonly address?: string;
}

/** An instance of another service of the stack. */
export interface OtherInstance {
  readonly slot: string;
  readonly service: string;
  readonly version: string;
  readonly instance?: string;
  readonly container?: string;
  /** Its present start is its own policy's doing. */
  readonly startedByItself: boolean;
}

export interface StackName {
  readonly stack: string;
  readonly service: string;
}

export interface Rebuild extends StackName {
  /** Id of the repair. */
  readonly repair: string;
  readonly digest: string;
  readonly way: "on" | "back";
  readonly wasWell: boolean;
  readonly wanted: "run" | "stop";
  readonly timeoutMs: number;
}

/** The stacks of this daemon, to repairs; made in `daemon/repair-stack.ts`. */
export interface StackPort {
  /** Of all stacks that are up. */
  readonly services: () => readonly StackService[];
  readonly find: (name: StackName) => StackService | undefined;
  /** The one that was started last. */
  readonly newest: (name: StackName) => StackInstance | undefined;
  readonly others: (name: StackName) => readonly OtherInstance[];
  /** The end of what it said itself, newest last; of one start only where `instance` names it. 2,000 lines at most. */
  readonly logs: (name: StackName & { readonly instance?: string }, signal: AbortSignal) => Promise<readonly string[]>;
  /** Throws `start_failed` (facts: log), `timeout`; what it began goes on only where the daemon leaves. */
  readonly rebuild: (rebuild: Rebuild, work: Work) => Promise<void>;
  /** Whether it has been taken down; where that is under way it is waited for. */
  readonly isGone: (name: StackName, signal: AbortSignal) => Promise<boolean>;
  /** Ends what a former daemon left of this repair's rebuilds. */
  readonly cancelLeft: (repair: string) => Promise<void>;
}
