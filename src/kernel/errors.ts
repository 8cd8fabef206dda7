/** Those of inference, as its document names them; facts: retriable, retry_after_ms, policy_label. */
export const INFERENCE_CODES = [
  "INVALID_PARAMS",
  "DEADLINE_UNMET",
  "MODEL_UNKNOWN",
  "MODEL_DEPRECATED",
  "UNTRUSTED_ARTIFACT",
  "ADMISSION_REJECT",
  "QUEUE_FULL_DROP_LRU",
  "POOL_UNAVAILABLE",
  "POOL_UNREADY",
  "REPLICA_EXHAUSTED",
  "DECODE_TIMEOUT",
  "WORKER_RESET",
  "CANCELED",
  "NOT_FOUND",
  "CONFLICT",
  "INTERNAL",
] as const;

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
  "invalid_instruction",
  "unknown_service", // no project has it; facts: services
  "ambiguous_service", // several projects have it; facts: candidates
  "compose_invalid", // the compose file is missing or does not render; facts: file, output
  "compose_refused", // the effective compose configuration asks for what the policy forbids; facts: errors
  "docker_unavailable",
  "self_repair", // the target is orco itself
  "dirty_target", // a file to be patched has changes that nobody committed; facts: files
  "patch_refused", // the patch breaks the policy; facts: errors
  "nothing_to_repair",
  "no_known_cause", // the evidence matches nothing in the catalogue; facts: evidence
  "report_only", // known, but nothing that a patch of the allowed files can mend; facts: finding
  "plan_outdated", // what was approved is not what is there any more; facts: files, base_commit
  "verify_failed", // facts: attempts
  "audit_broken", // the chain of audit records does not hold; facts: seq
  "disk_full",
  "journal_corrupt",
  "journal_newer",
  "already_running", // a daemon holds this home; facts: pid
  "unreachable", // the daemon does not answer
  "config", // an environment variable or flag that does not parse
  "engine_away", // docker does not answer; what waits for it is not at fault
  "unavailable",
  "internal",
  ...INFERENCE_CODES,
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
