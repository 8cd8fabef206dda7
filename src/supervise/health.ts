/** The `health` block of a service, resolved: every default filled in, every duration in ms. */
export interface HealthSpec {
  readonly gracePeriodMs: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly http?: HttpProbe;
  readonly tcp?: TcpProbe;
  readonly command?: CommandProbe;
  readonly log?: LogProbe;
  /** Over the aliases http, tcp, cmd, log with `||`, `&&`, `!` and parentheses. Absent: all declared probes must succeed. */
  readonly expression?: string;
  readonly onUnready: "restart" | "none";
}

export interface HttpProbe {
  readonly url: string;
  /** Single statuses and inclusive ranges. */
  readonly expectStatus: readonly { readonly from: number; readonly to: number }[];
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyPattern?: string;
}

export interface TcpProbe {
  /** host:port, [v6]:port */
  readonly address: string;
}

export interface CommandProbe {
  readonly command: readonly string[];
  /** Overrides `timeoutMs` of the health block. */
  readonly timeoutMs?: number;
}

export interface LogProbe {
  readonly pattern: string;
  readonly sources: readonly ("stdout" | "stderr")[];
  readonly levels?: readonly string[];
}

export type ProbeAlias = "http" | "tcp" | "cmd" | "log";

/** One run of one probe. `detail` is what a status line shows: `200 OK /health (avg 3ms)`, `tcp connect 127.0.0.1:5432 refused`. */
export interface ProbeResult {
  readonly ok: boolean;
  readonly detail: string;
  readonly latencyMs: number;
}

/** What the prober tells its supervisor; only changes are told, `detail` of every round through `onRound`. */
export interface Verdict {
  readonly ready: boolean;
  readonly detail: string;
}
