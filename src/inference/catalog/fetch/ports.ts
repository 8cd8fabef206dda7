import type { Clock } from "../../../kernel/clock.ts";

export interface FetchLimits {
  /** Without a single byte: the connection is given up. */
  readonly stallMs: number;
  /** Tries in a row that bring nothing new. */
  readonly tries: number;
  /** Before the second of them; doubled each time, with full jitter. */
  readonly backoffMs: number;
  readonly maxBytes: number;
}

export const FETCH_LIMITS: FetchLimits = { stallMs: 30_000, tries: 5, backoffMs: 1000, maxBytes: 2 ** 42 };

export interface FetchPorts {
  readonly clock: Clock;
  /** ORCO_MODEL_ALLOW. */
  readonly allow: readonly string[];
  readonly hf: { readonly base: string; readonly token?: string };
  readonly limits: FetchLimits;
  /** Addresses of a host name; the system's resolver when absent. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** PEM, in place of the usual authorities. */
  readonly ca?: string;
}
