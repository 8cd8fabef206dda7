/**
 * Every expected failure of orco, by code. The wire (`http/problem.ts`) and the CLI (`cli/exit.ts`) map
 * these to HTTP statuses and exit codes; nothing else branches on a message.
 */
export const ERROR_CODES = [
  "invalid", // the request or file is wrong; `diagnostics` say where
  "unsupported", // valid, but this version cannot do it; `diagnostics` say where
  "unauthorized",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "not_acceptable",
  "conflict", // another owner, another run under way, another idempotent body
  "not_external", // the daemon executes this run itself, or hands it out; nobody else may claim it; facts: run, mode
  "stale_attempt", // somebody else has claimed the run since; facts: run, attempt
  "busy", // a change of the same lane is under way; facts: run
  "too_large",
  "unsupported_media_type",
  "unprocessable",
  "rate_limited",
  "cancelled",
  "timeout",
  "blocked", // something definitely cannot become ready; facts: chain
  "executable_not_found",
  "port_in_use",
  "start_failed",
  "hook_failed",
  "unknown_commit", // git does not resolve it, or it is no commit
  "repo_unavailable", // the repository cannot be read; facts: repo, stderr
  "build_failed", // facts: exit, log
  "unhealthy", // the health endpoint did not answer 2xx in time, or the process ended; facts: status, body, exit, log, listening
  "schema_mismatch", // schema_status says that the database does not fit the commit
  "deploy_in_progress", // facts: run
  "no_previous_slot",
  "approval_denied", // rejected, expired, or by somebody who may not; facts: run, step
  "approval_void", // what was approved is not what waits; facts: content_hash
  "approval_not_applicable", // nothing waits for an approval
  "disk_full",
  "journal_corrupt",
  "journal_newer",
  "already_running", // a daemon holds this home; facts: pid
  "unreachable", // the daemon does not answer
  "config", // an environment variable or flag that does not parse
  "engine_away", // docker does not answer; what waits for it is not at fault
  "unavailable",
  "internal",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One finding in a file. `line` and `column` count from 1. */
export interface Diagnostic {
  readonly severity: "error" | "unsupported" | "warning";
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Dotted path of the field, e.g. `services.api.ports[0]`. */
  readonly path: string;
  readonly message: string;
  /** The offending source line, without its line break. */
  readonly source?: string;
  readonly hint?: string;
  /** Of `unsupported`: what is missing (`docker`, `edge`, `canary`, …), so that lint can tell them apart. */
  readonly feature?: string;
}

export type Facts = Readonly<Record<string, unknown>>;

/** An expected failure: a code, one sentence for a person, and the facts behind it. */
export class OrcoError extends Error {
  override readonly name = "OrcoError";
  readonly code: ErrorCode;
  readonly facts: Facts;

  constructor(code: ErrorCode, message: string, facts: Facts = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.facts = facts;
  }
}

/** The text of anything thrown, for logs and event details. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno code (`ENOENT`, …) of a system error, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Why a file could not be read, in words. */
export function fileTrouble(error: unknown): string {
  const code = errnoOf(error);
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  return messageOf(error);
}
