import { formatDiagnostics } from "../kernel/diagnostic.ts";
import { OrcoError, messageOf, type Diagnostic, type ErrorCode } from "../kernel/errors.ts";
import { OutputClosed, type Io } from "./io.ts";
import { sanitizeText } from "../terminal/sanitize.ts";

/** api.md, CLI. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, notFound: 4, conflict: 5, timedOut: 124 } as const;

/** Codes that are not here exit 1. */
const EXIT_OF: Partial<Record<ErrorCode, number>> = {
  unreachable: EXIT.unreachable,
  not_found: EXIT.notFound,
  conflict: EXIT.conflict,
  busy: EXIT.conflict,
  deploy_in_progress: EXIT.conflict,
  no_previous_slot: EXIT.conflict,
  approval_void: EXIT.conflict,
  approval_not_applicable: EXIT.conflict,
  not_external: EXIT.conflict,
  stale_attempt: EXIT.conflict,
  unknown_service: EXIT.notFound,
  dirty_target: EXIT.conflict,
  plan_outdated: EXIT.conflict,
  timeout: EXIT.timedOut,
  config: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  MODEL_UNKNOWN: EXIT.notFound,
  CONFLICT: EXIT.conflict,
  DEADLINE_UNMET: EXIT.timedOut,
  DECODE_TIMEOUT: EXIT.timedOut,
};

/** A command line that cannot be meant; exits 2. */
export function usageError(message: string): OrcoError {
  return new OrcoError("invalid", message, { usage: true });
}

/** A change was admitted and then failed: exits 1 whatever its code. */
export function runFailed(message: string, facts: Record<string, unknown> = {}): OrcoError {
  return new OrcoError("internal", message, { ...facts, expected: true });
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof OutputClosed) return EXIT.ok;
  if (!(error instanceof OrcoError)) return EXIT.failed;
  return error.facts["usage"] === true || ofArgument(error) ? EXIT.usage : (EXIT_OF[error.code] ?? EXIT.failed);
}

/** The daemon refused a part of the address or the query: the CLI puts only arguments there. */
function ofArgument({ code, message }: OrcoError): boolean {
  return code === "invalid" && /^(?:path|query)\/|^grep: /.test(message);
}

/** What happened, why, what to do next, on standard error. Never a stack trace. */
export function report(error: unknown, io: Io): void {
  if (error instanceof OutputClosed) return;
  const found = diagnosticsOf(error);
  if (found.length > 0)
    io.err(
      `${formatDiagnostics(
        found.map((one) => nearby(one, io.cwd)),
        { color: io.color },
      )}\n`,
    );
  // The sentence of such an error repeats its first finding, for callers that show only that.
  const text = textOf(error);
  if (!found.some((one) => text.includes(one.message))) io.err(`orco: ${sanitizeText(text).replace(/\n(?! )/g, "\n      ")}\n`);
}

function textOf(error: unknown): string {
  if (error instanceof OrcoError)
    return [error.message.replace(/^(?:path|query)\//, ""), ...findings(error.facts), nextStep(error)].filter(Boolean).join("\n      ");
  return `internal error: ${messageOf(error)}\n      this is a defect of orco; please report it with the command line`;
}

/** One line a finding where there are several: the message names only the first. */
export function findings(facts: Readonly<Record<string, unknown>>): string[] {
  const found = pointersOf(facts);
  return (found.length < 2 ? [] : found).map(({ pointer, detail }) => `        ${pointer.slice(1).replaceAll("/", ".")}: ${detail}`);
}

/** What an `invalid` of the daemon found where. */
export function pointersOf({ errors }: Readonly<Record<string, unknown>>): { pointer: string; detail: string }[] {
  return Array.isArray(errors) ? errors.filter(isFinding) : [];
}

function isFinding(value: unknown): value is { pointer: string; detail: string } {
  if (typeof value !== "object" || value === null) return false;
  const { pointer, detail } = value as { pointer?: unknown; detail?: unknown };
  return typeof pointer === "string" && typeof detail === "string";
}

function nextStep(error: OrcoError): string | undefined {
  const next = error.facts["next"];
  if (typeof next === "string") return next;
  const run = error.facts["run"];
  if (error.code === "busy" && typeof run === "string")
    return `see it: orco runs ${run}; cancel it: orco cancel ${run}; to wait for it: --queue`;
  const roles = error.facts["roles"];
  if (error.code === "forbidden" && Array.isArray(roles) && roles.length > 0)
    return `add --role ${roles.join(" or --role ")}, or ask one of them`;
  if (error.code === "unauthorized") return "set ORCO_API_KEY to the key of the daemon";
  return undefined;
}

/** The findings an error carries, from the daemon or from the offline check. */
function diagnosticsOf(error: unknown): Diagnostic[] {
  if (!(error instanceof OrcoError)) return [];
  const found = error.facts["diagnostics"];
  return Array.isArray(found) ? found.filter(isDiagnostic) : [];
}

function isDiagnostic(value: unknown): value is Diagnostic {
  if (typeof value !== "object" || value === null) return false;
  const { file, line, column, message, severity } = value as Partial<Record<keyof Diagnostic, unknown>>;
  return [file, message, severity].every((one) => typeof one === "string") && [line, column].every((one) => typeof one === "number");
}

/** Paths below the caller's folder are shown relative to it. */
export function nearby(found: Diagnostic, cwd: string): Diagnostic {
  const prefix = cwd.endsWith("/") ? cwd : `${cwd}/`;
  return found.file.startsWith(prefix) ? { ...found, file: found.file.slice(prefix.length) } : found;
}
