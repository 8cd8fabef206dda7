import { OrcoError } from "../kernel/errors.ts";
import { hasEnded, type Slot } from "../supervise/instance.ts";
import { portHolder } from "../supervise/port.ts";
import type { App } from "./app.ts";
import type { DeployHost } from "./host.ts";
import { listeningPorts, listensElsewhere } from "./listening.ts";
import { pollHealth, type HealthOutcome } from "./probe.ts";
import { portOf, type Release } from "./record.ts";
import type { SlotName } from "./view.ts";

/** deploy.md: the health endpoint is asked this often until it answers 2xx. */
const POLL_MS = 100;
/** How much of its log a failure shows (deploy.md). */
const SHOWN_LINES = 20;

export interface Candidate {
  readonly host: DeployHost;
  readonly app: App;
  readonly slot: SlotName;
}

function releaseIn({ app, slot }: Candidate): Release {
  const release = app.row.slots[slot];
  if (!release) throw new OrcoError("internal", `slot ${slot} of ${app.name} is empty`);
  return release;
}

/** Starts the process of the slot. Throws `port_in_use` naming the holder of its port. */
export async function boot(candidate: Candidate, reason: string): Promise<void> {
  const { app, slot } = candidate;
  const release = releaseIn(candidate);
  const present = app.slot(slot);
  if (present && present.config !== release.run) await app.stop(slot, reason);
  if (!app.slot(slot)) refuseTaken(portOf(slot, release.contract), candidate);
  await app.boot(slot, reason);
}

function refuseTaken(port: number, { app, slot }: Candidate): void {
  const holder = portHolder(port, "127.0.0.1");
  if (!holder) return;
  const by = holder.pid === undefined ? holder.command : `pid ${holder.pid} (${holder.command})`;
  const text = `port ${port} of slot ${slot} is held by ${by}; stop it, or give ${app.name} another internal_port`;
  throw new OrcoError("port_in_use", text, { port, ...holder });
}

/** Waits for 2xx from the health endpoint. Throws `unhealthy` with everything that says why. */
export async function awaitHealth(candidate: Candidate, signal: AbortSignal): Promise<void> {
  const { app, slot } = candidate;
  const { contract } = releaseIn(candidate);
  await app.until(() => isUnderWay(app.slot(slot)), signal);
  const gone = new AbortController();
  const ended = app.until(() => isOver(app.slot(slot)), gone.signal).catch(() => undefined);
  try {
    const outcome = await pollHealth({
      port: portOf(slot, contract),
      path: contract.health_endpoint,
      timeoutMs: contract.health_timeout_ms,
      intervalMs: POLL_MS,
      ended,
      clock: app.clock,
      signal,
    });
    if (!outcome.ok) throw await unhealthy(candidate, outcome);
  } finally {
    gone.abort(new OrcoError("cancelled", "the health check is over"));
  }
}

function isUnderWay(slot: Slot | undefined): boolean {
  return slot !== undefined && (slot.state === "Running" || hasEnded(slot));
}

/** A candidate is started once. */
export function isOver(slot: Slot | undefined): boolean {
  return slot === undefined || hasEnded(slot) || slot.exit !== undefined;
}

/** Why there is no process any more; undefined while there is one. */
function endOf(found: Slot | undefined): string | undefined {
  if (found?.exit?.code === 0) return "the process ended during boot with exit code 0: start_command must stay in the foreground";
  if (found?.exit) return `the process ended during boot: ${found.message ?? "no detail"}`;
  return found && hasEnded(found) && found.message !== undefined ? `the process was not started: ${found.message}` : undefined;
}

async function unhealthy(candidate: Candidate, outcome: Exclude<HealthOutcome, { ok: true }>): Promise<OrcoError> {
  const { host, app, slot } = candidate;
  const release = releaseIn(candidate);
  const port = portOf(slot, release.contract);
  const found = app.slot(slot);
  const pid = app.supervisor(slot)?.running?.handle.pid;
  const { clean } = host.redactor(release);
  const elsewhere = outcome.status === undefined && pid !== undefined ? listensElsewhere(pid, port) : undefined;
  // The end of its log is read before the end of the instance is told.
  const lines = found?.instance === undefined ? [] : await app.tail(slot, { instance: found.instance, lines: SHOWN_LINES });
  const what = endOf(found) ?? outcome.detail;
  const hint = elsewhere === undefined ? "" : `; ${elsewhere}`;
  return new OrcoError("unhealthy", clean(`${what}${hint}`), {
    ...(outcome.status !== undefined && { last_status: outcome.status }),
    ...(outcome.body !== undefined && { body: clean(outcome.body) }),
    ...(outcome.location !== undefined && { location: clean(outcome.location) }),
    ...(found?.exit && { exit: { ...found.exit } }),
    ...(elsewhere !== undefined && { listening: listeningPorts(pid ?? 0) }),
    log: lines.map(({ message }) => message),
  });
}
