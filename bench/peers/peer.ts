import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ground, BenchStack } from "./stack.ts";

/** A supervisor under test: orco itself or one of its peers. */
export interface Peer {
  readonly name: string;
  /** Whether it starts in dependency order, probes over http, restarts at once. What it cannot do is said in the tables. */
  readonly can: { readonly graph: boolean; readonly probes: boolean; readonly restart: boolean; readonly status: boolean };
  /** Whether it is installed already. */
  available(): Promise<boolean>;
  /** Brings it into the cache folder; throws with the reason when it cannot be had. */
  install(): Promise<void>;
  version(): Promise<string>;
  /** Writes its configuration for this stack, outside of any timing. */
  open(ground: Ground, stack: BenchStack): Promise<Session>;
}

/** One stack in the hands of one tool. */
export interface Session {
  /** From nothing to what the tool itself calls up; `says` = how it says so. The supervising daemon starts with it. */
  readonly up: () => Promise<void>;
  readonly says: string | undefined;
  /** The command that takes the services down. */
  readonly down: () => Promise<void>;
  /** Takes the supervising daemon down too. Safe to call in any state. */
  readonly close: () => Promise<void>;
  /** When services became ready by the tool's own probes, as its history has it; for tools that keep one. */
  readonly readied?: () => Promise<readonly { readonly service: string; readonly at: number }[]>;
  /** The command a user types to see the state. */
  readonly status?: readonly string[];
  /** Of tools that keep what services print. */
  readonly logs?: Logs;
  readonly env: Readonly<Record<string, string>>;
}

export interface Logs {
  /** The command a user types to see what a service printed last. */
  readonly last: (service: string) => readonly string[];
  /** All that is kept of it, however it is written down. */
  readonly kept: (service: string) => Promise<string>;
}

/** Peers are installed once and kept here, outside the repository. */
export const CACHE = join(tmpdir(), "orco-bench-peers");

export function cache(name: string): string {
  const folder = join(CACHE, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A tool's environment: its own home, nothing of the caller's configuration. */
export function environment(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: home, TMPDIR: home, LANG: "C.UTF-8", ...more };
}

export const PATIENCE_MS = 20_000;
