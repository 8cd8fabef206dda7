import type { Ground } from "../peers/stack.ts";

/** What stands between clients and an engine, or nothing at all. */
export interface Gateway {
  readonly name: string;
  readonly available: () => Promise<boolean>;
  /** Throws with the reason when it cannot be had. */
  readonly install: () => Promise<void>;
  readonly version: () => Promise<string>;
  /** Resolves when it listens; the engine serves the model `chain`. */
  readonly open: (ground: Ground, engine: string) => Promise<Opened>;
}

export interface Opened {
  readonly port: number;
  /** Of everything that moves bytes for it. */
  readonly pids: () => readonly number[];
  readonly lanes: readonly Lane[];
}

/** One way to ask it. */
export interface Lane {
  readonly name: string;
  readonly api: "v1" | "v2";
  /** Lines. */
  readonly headers?: readonly string[];
}
