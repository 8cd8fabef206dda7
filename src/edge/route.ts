/**
 * The route table: everything a worker needs to know, complete and versioned (edge.md). Plain JSON; `$ORCO_HOME/edge/routes.json`.
 * It knows nothing of stacks, apps or runs: only fronts (where clients come in) and targets (where they go).
 */

export interface RouteTable {
  /** Grows by one with every change; workers acknowledge the one they serve. */
  readonly version: number;
  readonly fronts: readonly Front[];
  /** Peers whose X-Forwarded-* and Forwarded are believed: addresses or CIDR blocks. */
  readonly trustedProxies: readonly string[];
  /** Absolute path of the JSON access log; absent: none is written. */
  readonly accessLog?: string;
}

/** One way in and those who answer there. Several fronts may share a listener when each names other hosts. */
export interface Front {
  /** Whose it is, and the `pool` label of metrics: `app/blog`, `stack/demo/api/8080`. */
  readonly id: string;
  readonly listen: ListenSpec;
  /** Host names (lower case, `*.example.org` for one label) this front answers for; absent: all that no other front of the listener names. http and TLS only. */
  readonly hosts?: readonly string[];
  readonly balance: "round-robin" | "least-connections";
  /** A client stays with the target it met first, as long as that is active. http only. */
  readonly sticky?: { readonly cookie: string } | { readonly header: string };
  readonly targets: readonly Target[];
  /** How long a request waits for an active target before it is answered 503. */
  readonly holdTimeoutMs: number;
  readonly timeouts: FrontTimeouts;
}

export interface ListenSpec {
  /** An IP address; `0.0.0.0` and `::` for all. */
  readonly address: string;
  readonly port: number;
  readonly protocol: "http" | "tcp";
  /** TLS ends here. PEM files, read again when they change; chosen by SNI, the first one by default. */
  readonly tls?: readonly CertificateFiles[];
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Target {
  /** Unique over the whole table: the id of the instance. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** ≥ 0. New requests are shared by weight; 0 gets none while another active target has more. */
  readonly weight: number;
  /** draining: gets nothing new; what is in flight goes on until `drainTimeoutMs` after the worker learned of it, then it is cut. */
  readonly state: "active" | "draining";
  readonly drainTimeoutMs?: number;
}

/** edge.md, Timeouts. All in ms; 0 is none. */
export interface FrontTimeouts {
  readonly connectMs: number;
  readonly responseHeadersMs: number;
  readonly bodyIdleMs: number;
  /** Of a client's request head, and between the pieces of its body. */
  readonly clientMs: number;
}

export const DEFAULT_TIMEOUTS: FrontTimeouts = { connectMs: 5_000, responseHeadersMs: 60_000, bodyIdleMs: 300_000, clientMs: 15_000 };
export const DEFAULT_HOLD_TIMEOUT_MS = 5_000;
/** Requests and connections of one front that wait for a target, per worker (edge.md, Hold). */
export const MAX_HELD = 1024;

/** `127.0.0.1:8080`, `[::]:443`: the `listener` label of metrics. Fronts with the same key share one listener and must agree on protocol. */
export function listenerKey({ address, port }: Pick<ListenSpec, "address" | "port">): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
