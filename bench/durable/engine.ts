import type { Ground } from "../peers/stack.ts";

/** An engine of durable runs under test: orco itself or one of its peers. */
export interface Engine {
  readonly name: string;
  readonly available: () => Promise<boolean>;
  /** Throws with the reason when it cannot be had. */
  readonly install: () => Promise<void>;
  readonly version: () => Promise<string>;
  /** Resolves when it answers. */
  readonly open: (ground: Ground) => Promise<Running>;
}

/** What is asked of all: three durable steps, and being taken without being executed. `of`: the scene a subject is compared in. */
export interface Scene {
  readonly of: "three" | "accept" | "checkpoint";
  /** How this engine does it, in a few words. */
  readonly how: string;
  /** The load generator for it. */
  readonly command: (load: Load) => readonly string[];
}

export interface Load {
  readonly clients: number;
  readonly seconds: number;
}

/** An engine at work, with nothing in it yet. */
export interface Running {
  readonly scenes: readonly Scene[];
  /** Of the engine alone: without who calls it, and without what it calls. */
  readonly pids: readonly number[];
  readonly close: () => Promise<void>;
}
