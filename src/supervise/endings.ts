import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import type { SlotCell } from "./cell.ts";
import { Drains } from "./drains.ts";
import type { Slot } from "./instance.ts";
import { withFlap } from "./flaps.ts";
import type { Live } from "./live.ts";
import { outcomeOf, type Ending } from "./outcome.ts";
import type { Exit, Spools } from "./runtime.ts";
import type { SupervisorPorts } from "./supervised.ts";
import type { Turnstile } from "./turnstile.ts";

/** How long the end of an instance waits for the last of its log lines; the rest is read on beside the next start. */
const CLEAR_MS = 500;
/** How often a start is tried that the machine prevented: a full disk, a docker that is away. */
const BLAMELESS_MS = 1000;
/** One that took long before it failed, as a pull that fills the disk, is tried as rarely as that; at least so often. */
const BLAMELESS_MAX_MS = 60_000;

/** Failures of a start that trying again cannot mend. */
const FINAL_CODES = new Set<string>([
  "executable_not_found",
  "invalid",
  "unsupported",
  "not_found",
  "forbidden",
  "build_failed",
  "conflict",
]);

interface EndingsOptions {
  readonly cell: SlotCell;
  readonly ports: SupervisorPorts;
  readonly turnstile: Turnstile;
  /** Nothing of it runs any more; called before the end is journaled, for whoever waits for that sees both. */
  readonly onGone: () => void;
}

/** How an instance ends: by itself, because it was asked for, or because it failed its probes or hooks. Afterwards nothing of it runs. */
export class Endings {
  readonly drains: Drains;

  private readonly cell: SlotCell;
  private readonly ports: SupervisorPorts;
  private readonly turnstile: Turnstile;

  constructor(private readonly options: EndingsOptions) {
    const { cell, ports, turnstile } = options;
    this.cell = cell;
    this.ports = ports;
    this.turnstile = turnstile;
    this.drains = new Drains(cell, ports);
  }

  /** A stop or a restart that was asked for. */
  async halt(live: Live, reason: string, force: AbortSignal): Promise<void> {
    await this.cell.move("stop", { reason, ready: false, readyAt: undefined }, "instance.stopping");
    await this.ports.withdraw?.(this.cell.slot, force);
    const exit = await live.halt(force);
    await this.leave(live, force, () =>
      this.cell.slot.wanted === "stop"
        ? this.cell.move("end", { reason: "stopped", exit, pid: undefined }, "instance.stopped")
        : this.cell.move("retry", { reason, exit, retries: 0, pid: undefined }, "instance.pending"),
    );
  }

  /** A failure of orco's finding: it is stopped, and the policy decides. */
  async fail(live: Live, ending: Ending & { readonly failure: NonNullable<Ending["failure"]> }, force: AbortSignal): Promise<void> {
    await this.cell.move("stop", { reason: ending.failure, ready: false }, "instance.stopping");
    const exit = await live.halt(force);
    await this.leave(live, force, () => this.decide({ ...ending, exit }));
  }

  /** A start that is not wanted any more, before anything but its hooks has run. */
  async standDown(): Promise<void> {
    await this.purge();
    void this.cell.move("stop", { reason: "stopped" }, "instance.stopping");
    await this.cell.move("end", { reason: "stopped" }, "instance.stopped");
  }

  /** A start that came to nothing. */
  async notStarted(error: unknown): Promise<void> {
    await this.purge();
    const message = messageOf(error);
    if (isFinal(error, this.cell.slot)) await this.cell.move("giveUp", { reason: "start_failed", message }, "instance.failed");
    else if (isBlameless(error)) this.postpone(message, codesOf(error).includes("engine_away"));
    else void this.decide({ readyForMs: 0, failure: "start_failed", message });
  }

  /** The machine is at fault, not the service: its retries are not used up, and it comes back by itself. */
  private postpone(message: string, isAway: boolean): void {
    const now = this.ports.clock.now();
    const { startedAt = now } = this.cell.slot;
    const afterMs = isAway ? BLAMELESS_MS : Math.min(Math.max(BLAMELESS_MS, now - startedAt), BLAMELESS_MAX_MS);
    this.turnstile.hold(afterMs);
    // Without an instance the next attempt is the same start, and no further restart.
    const none = { ready: false, pid: undefined, instance: undefined };
    void this.cell.move("retry", { ...none, reason: "start_failed", message, nextStartAt: now + afterMs }, "instance.pending");
  }

  async exited(live: Live, exit: Exit, force: AbortSignal): Promise<void> {
    const { readyForMs } = this.cell;
    const { ready } = this.cell.slot;
    void this.cell.change({ ready: false, readyAt: undefined });
    this.ports.onEnd?.(this.cell.slot);
    // Who uses a database may notice before its own probes do.
    const strain = this.ports.strain?.(this.cell.slot) ?? (exit.code === 0 ? undefined : await this.ports.suspect?.(this.cell.slot));
    if (ready && exit.code !== 0 && strain === undefined)
      void this.cell.change({ flaps: withFlap(this.cell.slot.flaps, this.ports.clock.now()) });
    await this.leave(live, force, () => {
      // Its last line may have been the one its log probe waited for.
      if (live.takeVerdict()?.ready) void this.cell.change({ wasReady: true });
      return this.decide({ exit, readyForMs, ...(strain !== undefined && { strain }) });
    });
  }

  /** Goes on with a stop that a former daemon had begun of a slot that is to run again: a restart, or a failure. */
  resumeStop(live: Live, force: AbortSignal): Promise<void> {
    const { reason, message } = this.cell.slot;
    const failure = failureIn(reason);
    return failure
      ? this.fail(live, { readyForMs: 0, failure, ...(message !== undefined && { message }) }, force)
      : this.halt(live, reason, force);
  }

  /** An end that no daemon saw. What is left of the instance goes when the end is on disk. */
  found(exit: Exit, spools: Spools): void {
    const concluded = Promise.withResolvers<void>();
    this.drains.resume(this.cell.slot.instance ?? "", spools, concluded.promise);
    // Nobody looked while it ran: whether it was ready is not known, and must not block those who need it.
    void this.cell.change({ wasReady: true });
    void this.conclude(exit).then(concluded.resolve);
  }

  /** Of a stop that a former daemon had begun, or by itself. */
  private conclude(exit: Exit): Promise<void> {
    const { state, wanted, reason, message, ready, readyAt } = this.cell.slot;
    const readyForMs = ready && readyAt !== undefined ? Math.max(0, exit.at - readyAt) : 0;
    const failure = failureIn(reason);
    if (state !== "Stopping" || wanted === "stop") return this.decide({ exit, readyForMs });
    if (failure) return this.decide({ exit, readyForMs: 0, failure, ...(message !== undefined && { message }) });
    return this.cell.move("retry", { reason, exit, retries: 0, pid: undefined }, "instance.pending");
  }

  /** Nothing is left of it: it ran before the machine was started anew, or a former daemon died before it could start it at all. */
  gone(): Promise<void> {
    const never = this.cell.slot.state === "Starting";
    const known = never ? { instance: undefined } : { reason: "lost" };
    return this.cell.move("retry", { ...known, ready: false, pid: undefined }, "instance.pending");
  }

  /** What becomes of a slot whose instance ended by itself, or had to be ended: by policy. */
  private decide(ending: Ending): Promise<void> {
    const { clock, policy } = this.ports;
    const { slot } = this.cell;
    const next = outcomeOf(ending, { slot, policy: policy(), clock });
    this.turnstile.hold(next.afterMs ?? 0);
    if (slot.wanted === "stop" && slot.state !== "Stopping") void this.cell.move("stop", {}, "instance.stopping");
    return this.cell.move(next.move, next.patch, next.type);
  }

  /** Of a start that came to nothing: what its hooks left running, and its secrets on disk. */
  private async purge(): Promise<void> {
    const { instance, draining = [] } = this.cell.slot;
    if (instance === undefined) return;
    await this.ports.runtime.purge(instance);
    if (!draining.includes(instance)) await this.ports.runtime.forget(instance);
  }

  /** `conclude` journals the end. A daemon that dies before that is on disk leaves the exit code where the next one finds it. */
  private async leave(live: Live, force: AbortSignal, conclude: () => Promise<void>): Promise<void> {
    await live.hook("postStop", force);
    if (live.mayLeaveStrays) await this.ports.runtime.purge(live.handle.instance);
    this.options.onGone();
    const concluded = Promise.withResolvers<void>();
    const patience = new AbortController();
    const waited = this.ports.clock.sleep(CLEAR_MS, patience.signal).catch(() => undefined);
    await Promise.race([this.drains.run(live.handle.instance, () => live.readOut(), concluded.promise), waited]);
    patience.abort();
    void conclude().then(concluded.resolve);
  }
}

/** Of an instance that is being stopped: whether that is for a failure, which counts, or because it was asked for. */
function failureIn(reason: string): Ending["failure"] {
  return reason === "probe_unready" || reason === "hook_failed" ? reason : undefined;
}

function isFinal(error: unknown, { restarts, retries }: Slot): boolean {
  // A port that is taken at the very first start is a mistake in the file; later it is someone who came in between.
  return error instanceof OrcoError && (FINAL_CODES.has(error.code) || (error.code === "port_in_use" && restarts + retries === 0));
}

function isBlameless(error: unknown): boolean {
  return codesOf(error).some((code) => code === "engine_away" || code === "disk_full" || code === "ENOSPC" || code === "EDQUOT");
}

function codesOf(error: unknown): (string | undefined)[] {
  return error instanceof Error ? [errnoOf(error), errnoOf(error.cause)] : [];
}
