import type { ContainerState } from "./finding.ts";
import type { ServiceConfig } from "./project.ts";

/** Every line that docker, compose or a probe says, as it comes; without escapes, secrets masked. */
export type OnLine = (line: string) => void;

export interface Work {
  readonly signal: AbortSignal;
  readonly onLine: OnLine;
}

/** What served before anything was changed: enough to serve it again. Journaled: no secrets in it. */
export interface Before {
  /** Of the image the container runs, or would run; absent where there was neither image nor container. */
  readonly imageId?: string;
  /** The name the operator's compose file reads, e.g. `shop-api:latest`. */
  readonly imageName?: string;
  /** `orco-rollback/<service>:<run>`. */
  readonly rollbackTag?: string;
  readonly containerId?: string;
  readonly containerName?: string;
  readonly wasRunning: boolean;
  readonly health: "healthy" | "unhealthy" | "starting" | "none" | "not_running";
  /** Where the effective configuration of that time lies (0600, below ORCO_HOME); it may hold secrets. */
  readonly configFile?: string;
  /** Containers of the host other than the service's: ids that must not change. */
  readonly others: readonly string[];
  /** RFC 3339. */
  readonly at: string;
}

/** The files of the service, somewhere else: a tree that may be changed and built. */
export interface Copy {
  /** Absolute; the same paths below it as below the workspace. */
  readonly root: string;
}

/** Everything that can be learned without changing anything. */
export interface Inspection {
  readonly config: ServiceConfig;
  /** Of the newest container of the service. */
  readonly state?: ContainerState;
  readonly containerId?: string;
  /** The end of what it said, newest last; 2,000 lines at most. */
  readonly logs: readonly string[];
}

export interface BuildResult {
  readonly ok: boolean;
  /** Exit code; absent where it was killed. */
  readonly exit?: number;
  readonly timedOut: boolean;
}

/**
 * What is repaired: a service of a compose project, or of a stack of orco. Everything that changes is safe to repeat, and to be called again after a
 * crash in its midst. Throws `docker_unavailable`, `compose_invalid`, `compose_refused`, `build_failed`, `timeout`, `start_failed`.
 */
export interface Target {
  readonly kind: "compose" | "stack";
  readonly inspect: (work: Work) => Promise<Inspection>;
  /** Builds in the copy as `orco-trial/<service>:<run>`; no tag that anybody reads changes. */
  readonly trial: (copy: Copy, work: Work) => Promise<BuildResult>;
  /** Notes what serves now and tags its image; a second call returns what the first one found. */
  readonly record: (work: Work) => Promise<Before>;
  /** Builds in the operator's tree, under the name that the operator's file reads. */
  readonly build: (work: Work) => Promise<BuildResult>;
  /** Replaces the container by one of the new image. Rejects with `start_failed` where another container changed meanwhile (facts: changed). */
  readonly restart: (before: Before, work: Work) => Promise<void>;
  readonly state: (signal: AbortSignal) => Promise<ContainerState | undefined>;
  /** Lines the container has said since it was started, newest last. */
  readonly logs: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Makes the recorded image and configuration serve again; the files are restored already. Rebuilds where the image is gone. `false`: nothing had to be done. */
  readonly restore: (before: Before, how: { readonly restarted: boolean; readonly built: boolean }, work: Work) => Promise<boolean>;
  /** Somebody took it down meanwhile, or does: nothing of it has to run again. Absent: that cannot be told from a failure. */
  readonly isGone?: (signal: AbortSignal) => Promise<boolean>;
  /** Ends what a former daemon left: children with our marker, half-made containers. */
  readonly cleanUp: (work: Work) => Promise<void>;
  /** Trial images go; the rollback tag and what `record` has noted too where `keepRollback` is false. */
  readonly forget: (before: Before | undefined, keepRollback: boolean) => Promise<void>;
}
