import type { Peer } from "../peers/peer.ts";
import type { Ground } from "../peers/stack.ts";

/** A tool that replaces the instances of a running service by those of another version. */
export interface Roller extends Pick<Peer, "available" | "install" | "version"> {
  readonly name: string;
  /** What it is asked to do for an update, as its users do it. */
  readonly how: string;
  /** Resolves when the service answers on `port`, with its first version. */
  readonly open: (ground: Ground) => Promise<Rolling>;
}

export interface Rolling {
  readonly port: number;
  /** Resolves when the tool says that every instance is of this version. */
  readonly roll: (version: string) => Promise<void>;
  /** Whether answers tell their version. */
  readonly tells: boolean;
  readonly close: () => Promise<void>;
}

export const FIRST = "v0";
export const REPLICAS = 3;
