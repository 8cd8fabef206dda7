import type { Target } from "../route.ts";
import type { PoolTarget } from "./target.ts";

/** Somebody who wants a target: a request, or a connection. */
export interface Claim {
  /** The value of the front's sticky cookie or header that the client sent (sticky.ts). */
  readonly stick?: string | undefined;
  /** Ids of targets that refused the connection already: they are not picked again. */
  readonly refused?: ReadonlySet<string> | undefined;
  /** The time of the target is up: end now, never with a clean-looking end, then release. Called at most once. */
  cut(): void;
}

/** One thing in flight on a target, counted until it is released. */
export class Lease {
  /** Among those of its target. */
  place = -1;
  private released = false;

  constructor(
    readonly claim: Claim,
    private readonly on: PoolTarget,
    /** The front's cookie is to be set to this: the client did not come with the one of this target. */
    readonly newStick: string | undefined,
  ) {
    on.leases.add(this);
  }

  get target(): Target {
    return this.on.spec;
  }

  /** Calling it again does nothing. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.on.leases.delete(this);
    this.on.freed(this.on);
  }
}
