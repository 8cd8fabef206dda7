/**
 * What the orchestrator needs of an app (seed 000, App Contract; deploy.md). The six fields of the document are enough; names and units are
 * those of the wire. `contract-schema.ts` validates and fills the defaults in.
 */
export interface AppContract {
  /** Runs by `/bin/sh -c` in the slot's worktree; `${PORT}` is the slot's own port. */
  readonly start_command: string;
  /** The public port: the edge owns it. */
  readonly port: number;
  /** Port of slot blue; green listens on the next one. */
  readonly internal_port: number;
  readonly health_endpoint: string;
  readonly health_timeout_ms: number;
  readonly drain_timeout_ms: number;

  readonly build_command?: string;
  readonly build_timeout_ms: number;
  readonly env: Readonly<Record<string, string>>;
  /** References only. As a variable or as a file in `$ORCO_SECRETS_DIR`. */
  readonly secrets: Readonly<Record<string, AppSecret>>;
  readonly stop_signal: string;
  readonly stop_timeout_ms: number;
  readonly on_busy: "reject" | "queue";
  readonly auto_rollback?: { readonly window_ms: number; readonly max_restarts: number };
  /** Before the new process starts, and after the old one has stopped; in the slot's worktree. */
  readonly pre_deploy?: string;
  readonly post_deploy?: string;
  /** Asked of the new slot before the swap: exit 0 or 2xx lets it through. */
  readonly schema_status?: { readonly command: string } | { readonly endpoint: string };
  readonly protected_paths: readonly string[];
  readonly diff_limits?: { readonly max_files?: number; readonly max_lines?: number };
  readonly alerts: readonly AppAlert[];

  /** Where the edge listens (127.0.0.1, or ORCO_EDGE_ADDR). */
  readonly address?: string;
  /** Several apps may share a port when each names its hosts. */
  readonly hosts?: readonly string[];
  readonly tls?: readonly { readonly cert: string; readonly key: string }[];
}

export type AppSecret = ({ readonly file: string } | { readonly env: string }) & { readonly as: "env" | "file" };

export interface AppAlert {
  readonly webhook: string;
  /** Signs the body: `X-Orco-Signature: sha256=<hex HMAC>`. */
  readonly secret?: { readonly file: string } | { readonly env: string };
}
