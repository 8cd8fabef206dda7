import { formatSpan } from "../kernel/duration.ts";
import { OrcoError } from "../kernel/errors.ts";
import { type Candidate, isOver } from "./candidate.ts";
import { runSlotCommand, type SlotCommandResult } from "./command.ts";
import { pollHealth } from "./probe.ts";
import { portOf, type Release } from "./record.ts";

/** A hook or a check may take this long; builds have a limit of their own. */
const COMMAND_TIMEOUT_MS = 60_000;
/** A build may print a hundred thousand lines: progress is a sample of them, a failure shows the last. */
const TELL_EVERY_MS = 200;

export interface Command extends Candidate {
  readonly release: Release;
}

interface Running {
  readonly signal: AbortSignal;
  /** One line of progress. */
  readonly tell: (line: string) => void;
}

/** Throws `build_failed` (facts: exit_code, signal, log). */
export async function build(command: Command, running: Running): Promise<void> {
  const { build_command: line = "", build_timeout_ms: timeoutMs } = command.release.contract;
  const result = await run(command, { line, timeoutMs }, running);
  if (!result.ok) throw new OrcoError("build_failed", `build_command ${endOf(result)}`, factsOf(result));
}

/** Throws `hook_failed` (facts: hook, exit_code, signal, log). */
export async function hook(name: "pre_deploy" | "post_deploy", command: Command, running: Running): Promise<void> {
  const result = await run(command, { line: command.release.contract[name] ?? "", timeoutMs: COMMAND_TIMEOUT_MS }, running);
  if (!result.ok) throw new OrcoError("hook_failed", `${name} ${endOf(result)}`, { hook: name, ...factsOf(result) });
}

/** Asks whether the database fits the commit. Throws `schema_mismatch` with what it said. */
export async function askSchema(command: Command, running: Running): Promise<void> {
  const { app, slot, release, host } = command;
  const gate = release.contract.schema_status;
  if (!gate) return;
  if ("command" in gate) {
    const result = await run(command, { line: gate.command, timeoutMs: COMMAND_TIMEOUT_MS }, running);
    if (!result.ok) throw new OrcoError("schema_mismatch", `schema_status ${endOf(result)}`, factsOf(result));
    return;
  }
  const gone = new AbortController();
  const outcome = await pollHealth({
    port: portOf(slot, release.contract),
    path: gate.endpoint,
    timeoutMs: release.contract.health_timeout_ms,
    intervalMs: release.contract.health_timeout_ms,
    ended: app.until(() => isOver(app.slot(slot)), gone.signal).catch(() => undefined),
    clock: app.clock,
    signal: running.signal,
  }).finally(() => gone.abort());
  if (outcome.ok) return;
  const { clean } = host.redactor(release);
  throw new OrcoError("schema_mismatch", clean(`schema_status ${gate.endpoint}: ${outcome.detail}`), {
    ...(outcome.status !== undefined && { last_status: outcome.status }),
    ...(outcome.body !== undefined && { body: clean(outcome.body) }),
  });
}

async function run(
  { host, app, slot, release }: Command,
  { line, timeoutMs }: { line: string; timeoutMs: number },
  { signal, tell }: Running,
): Promise<SlotCommandResult> {
  const { clock } = app;
  let nextAt = 0;
  const result = await runSlotCommand({
    command: line,
    cwd: host.dirs(app).of(slot),
    env: await host.commandEnv(app, slot, release),
    timeoutMs,
    clock,
    signal,
    redactor: host.redactor(release),
    onLine: (text) => {
      if (clock.monotonic() < nextAt || text === "") return;
      nextAt = clock.monotonic() + TELL_EVERY_MS;
      tell(text);
    },
  });
  signal.throwIfAborted();
  return result;
}

function endOf({ ended, code, signal, durationMs }: SlotCommandResult): string {
  if (ended === "timeout") return `was killed after ${formatSpan(durationMs)}: it took too long`;
  return signal !== undefined ? `was killed by ${signal}` : `exited with code ${code ?? "unknown"}`;
}

function factsOf({ code, signal, lines }: SlotCommandResult) {
  return { ...(code !== undefined && { exit_code: code }), ...(signal !== undefined && { signal }), log: lines };
}
