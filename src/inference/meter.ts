/** What happens, for metrics, logs and spans; `http/inference-metrics.ts` counts it. Times in ms. Never throws. */
export interface Meter {
  queueDepth(pool: string, depth: number): void;
  /** `pool`: "none" where it was refused before one was chosen. */
  enqueued(pool: string, outcome: "accepted" | "rejected"): void;
  rejected(pool: string, reason: string): void;
  dispatched(pool: string, outcome: "ok" | "error" | "canceled"): void;
  /** From acceptance to dispatch. */
  dispatchLatency(pool: string, ms: number): void;
  healthCheck(pool: string, outcome: "ok" | "error"): void;
  nodesOnline(count: number): void;
  tokensIn(pool: string, count: number): void;
  tokensOut(pool: string, count: number): void;
  /** From dispatch to the first token. */
  firstToken(pool: string, ms: number): void;
  decode(pool: string, ms: number): void;
  /** A frame of an engine that nobody can read. */
  frameSkipped(pool: string): void;
  canceled(reason: string): void;
  placed(outcome: string): void;
}

export const NO_METER: Meter = {
  queueDepth: () => undefined,
  enqueued: () => undefined,
  rejected: () => undefined,
  dispatched: () => undefined,
  dispatchLatency: () => undefined,
  healthCheck: () => undefined,
  nodesOnline: () => undefined,
  tokensIn: () => undefined,
  tokensOut: () => undefined,
  firstToken: () => undefined,
  decode: () => undefined,
  frameSkipped: () => undefined,
  canceled: () => undefined,
  placed: () => undefined,
};
