import type { Clock } from "../kernel/clock.ts";
import type { Gate } from "./supervised.ts";

/** `wait`: look again when woken, at the latest after `forMs` (Infinity: only when woken). */
export type Pass =
  | { readonly kind: "go" }
  | { readonly kind: "wait"; readonly forMs: number; readonly message?: string }
  | { readonly kind: "timeout"; readonly why: string };

/** Whether a slot may start now: its dependencies first, then its backoff. Monotonic time throughout. */
export class Turnstile {
  private notBefore = 0;
  private blockedSince: number | undefined;

  constructor(private readonly clock: Clock) {}

  /** No start for this long. */
  hold(ms: number): void {
    this.notBefore = this.clock.monotonic() + ms;
  }

  /** `hurry`: somebody asked for the start, the backoff does not count. */
  ask(gate: Gate, hurry: boolean): Pass {
    const now = this.clock.monotonic();
    if (!gate.open) {
      this.blockedSince ??= now;
      const message = `waiting for ${gate.waitingFor}`;
      const { timeoutMs = Infinity, againMs = Infinity } = gate;
      const leftMs = this.blockedSince + timeoutMs - now;
      return leftMs > 0 ? { kind: "wait", forMs: Math.min(leftMs, againMs), message } : { kind: "timeout", why: gate.why };
    }
    this.blockedSince = undefined;
    if (hurry) this.notBefore = 0;
    const leftMs = this.notBefore - now;
    return leftMs > 0 ? { kind: "wait", forMs: leftMs } : { kind: "go" };
  }

  /** The wait for dependencies counts from now again. */
  restart(): void {
    this.notBefore = 0;
    this.blockedSince = undefined;
  }
}
