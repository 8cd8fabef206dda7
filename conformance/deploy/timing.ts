/** The patience that the suite writes into the contract, and its own. Milliseconds. */
export interface Timing {
  readonly healthTimeoutMs: number;
  readonly drainTimeoutMs: number;
  /** From the end of the drain until the old process must be gone: an orchestrator may ask politely first. */
  readonly killGraceMs: number;
}

export const TIMING: Timing = { healthTimeoutMs: 2000, drainTimeoutMs: 1500, killGraceMs: 12_000 };

/** Checkout and start of the app, on a busy machine. */
export const START_MS = 10_000;
/** Until a crash must show, and until a restarted app must answer again (restarts may back off). */
export const NOTICE_MS = 3000;
export const RECOVERY_MS = 15_000;
/** Until a killed tree must be gone. */
export const GONE_MS = 3000;
/** How often the suite looks at something that nothing tells it of. */
export const LOOK_MS = 20;

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
