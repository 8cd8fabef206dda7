import type { Ground } from "../peers/stack.ts";

/** What a proxy is asked to do, outside of any timing. */
export interface Job {
  readonly protocol: "http" | "tcp";
  /** Where requests go, on 127.0.0.1. */
  readonly target: number;
}

/** A reverse proxy under test: orco's edge itself or one of its peers. One thread or worker each. */
export interface Proxy {
  readonly name: string;
  readonly protocols: readonly Job["protocol"][];
  /** Whether it is installed already. */
  readonly available: () => Promise<boolean>;
  /** Throws with the reason when it cannot be had. */
  readonly install: () => Promise<void>;
  readonly version: () => Promise<string>;
  /** Resolves when it answers. */
  readonly open: (ground: Ground, job: Job) => Promise<Running>;
}

/** A proxy at work. */
export interface Running {
  readonly port: number;
  /** Of everything that moves bytes for it. */
  readonly pids: () => readonly number[];
  /** Sends requests to another target from now on, as its users do it. */
  readonly swap: (target: number) => Promise<void>;
  /** Whether nobody needs the former target any more when `swap` is over: it may be stopped then. */
  readonly drains: boolean;
  readonly close: () => Promise<void>;
}
