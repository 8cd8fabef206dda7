import { messageOf, OrcoError } from "../kernel/errors.ts";
import { SlotCell } from "./cell.ts";
import { Endings } from "./endings.ts";
import { hasEnded, isAtRest, type Slot } from "./instance.ts";
import { goLive, Live, tryHook, type LiveOptions } from "./live.ts";
import { placeOf, UNKNOWN_YET, startOptions, warnOfLimits } from "./place.ts";
import type { Adopted } from "./runtime.ts";
import type { Prepared, SupervisorPorts } from "./supervised.ts";
import { Turnstile } from "./turnstile.ts";
import { Unready } from "./unready.ts";

/** The stack's budget of restarts (stack.md, cascades): shown while one waits for it. */
const OVER_BUDGET = "waiting: the stack has used up its budget of restarts";

/**
 * Keeps one slot as it is wanted: the only writer of its state. Others say what they want and are woken by `onChange`.
 *
 *   wanted  state                     what the loop does
 *   run     Pending                   waits for its dependencies and its backoff, then starts
 *   run     Starting, Running         watches: exit, unready, a wish
 *   run     Stopped, Failed           rests until `restart` or `want("run")`
 *   stop    anything                  stops what lives, ends Stopped, rests
 */
export class Supervisor {
  private readonly cell: SlotCell;
  private live: Live | undefined;
  private wakeup = Promise.withResolvers<void>();
  private restartReason: string | undefined;
  private force = new AbortController();
  /** A stop does not wait for the hooks of a start. */
  private starting = new AbortController();
  private readonly turnstile: Turnstile;
  private readonly unready: Unready;
  readonly endings: Endings;
  private closed = false;

  constructor(
    slot: Slot,
    private readonly ports: SupervisorPorts,
    onChange: (slot: Slot) => void,
  ) {
    this.cell = new SlotCell(slot, ports, onChange);
    this.turnstile = new Turnstile(ports.clock);
    this.endings = new Endings({ cell: this.cell, ports, turnstile: this.turnstile, onGone: () => (this.live = undefined) });
    this.unready = new Unready({ cell: this.cell, ports, endings: this.endings });
  }

  get slot(): Slot {
    return this.cell.slot;
  }

  /** Who holds it back, else the last word of a probe, else the last line the service wrote. */
  get detail(): string {
    return this.live?.told || (this.live?.attachment.last(1)[0]?.message ?? "");
  }

  get readyForMs(): number {
    return this.cell.readyForMs;
  }

  get running(): Live | undefined {
    return this.live;
  }

  /** A line of orco's own in the service's log. */
  tell(level: "info" | "warn" | "error", message: string): void {
    this.cell.note(level, message);
  }

  /** Starts the loop. It never rejects; it ends when the supervisor is closed. */
  start(adopted?: Adopted): void {
    void this.run(adopted);
  }

  /** Dependencies may have changed. */
  poke(): void {
    this.wakeup.resolve();
  }

  /** Resolves when the wish is on disk, and a slot that was at its end has left it. */
  async want(wanted: "run" | "stop", reason: string, force = false): Promise<void> {
    if (wanted === "stop") {
      this.restartReason = undefined;
      this.starting.abort();
    }
    const wished =
      this.cell.slot.wanted !== wanted &&
      this.cell.change({ wanted, ...(wanted === "stop" && { message: undefined, reason }) }, "instance.wanted");
    const reopened = wanted === "run" && this.reopen(reason);
    if (force) this.force.abort();
    this.poke();
    await Promise.all([wished, reopened]);
  }

  /** One new start, whatever it does now; several wishes before it happens are one. Resets the retries. Resolves as `want` does. */
  async restart(reason: string): Promise<void> {
    this.restartReason = reason;
    this.turnstile.restart();
    const wished = [this.cell.change({ wanted: "run", retries: 0 }, "instance.wanted"), this.reopen(reason)];
    this.wakeup.resolve();
    await Promise.all(wished);
  }

  /** What an update knows of the slot: its version against the desired spec, and whether it takes requests. Resolves when on disk. */
  async mark(known: Partial<Pick<Slot, "version" | "traffic" | "share">>): Promise<void> {
    const news = Object.entries(known).some(([key, value]) => this.slot[key as keyof Slot] !== value);
    if (news) await this.cell.change(known, "traffic" in known ? "instance.traffic" : "instance.version");
  }

  /** The daemon leaves: what runs goes on. */
  close(): void {
    this.closed = true;
    this.starting.abort();
    this.wakeup.resolve();
    this.live?.release();
  }

  private async run(adopted: Adopted | undefined): Promise<void> {
    if (adopted) await this.take(adopted).catch((error: unknown) => this.cell.note("error", `adoption: ${messageOf(error)}`));
    this.resumeBackoff();
    while (!this.closed) {
      try {
        await this.turn();
      } catch (error) {
        // A defect in one slot must not stop the supervision of the others.
        this.cell.note("error", `supervisor: ${messageOf(error)}`);
        await this.ports.clock.sleep(1000);
      }
    }
  }

  private async turn(): Promise<void> {
    this.wakeup = Promise.withResolvers<void>();
    const woken = this.wakeup.promise;
    if (this.live) return this.watch(this.live, woken);
    if (this.cell.slot.wanted === "stop") return this.rest(woken);
    if (this.restartReason !== undefined) void this.reopen(this.restartReason);
    if (isAtRest(this.cell.slot)) return woken;
    if (await this.mayStart(woken)) await this.launch();
  }

  private async rest(woken: Promise<void>): Promise<void> {
    this.restartReason = undefined;
    this.force = new AbortController();
    if (this.cell.slot.state !== "Stopped" || this.cell.slot.reason === "completed")
      void this.cell.move("stop", { reason: "stopped", nextStartAt: undefined }, "instance.stopped");
    await woken;
  }

  /** Begins anew with a slot that has come to an end, for lack of a dependency too. */
  private async reopen(reason: string): Promise<void> {
    if (!hasEnded(this.cell.slot)) return;
    this.restartReason = reason;
    this.turnstile.restart();
    await this.cell.move("again", { reason, retries: 0, nextStartAt: undefined, message: undefined }, "instance.pending");
  }

  private async mayStart(woken: Promise<void>): Promise<boolean> {
    const pass = this.turnstile.ask(this.ports.gate(this.cell.slot), this.restartReason !== undefined);
    const blocked = this.cell.slot.state === "Failed";
    if (pass.kind === "timeout") {
      this.restartReason = undefined;
      if (!blocked) await this.cell.move("giveUp", { reason: "dependency_blocked", message: pass.why }, "instance.failed");
      else await woken;
    } else if (pass.kind === "wait") {
      if (pass.message !== undefined && !blocked && this.cell.slot.message !== pass.message)
        await this.cell.change({ message: pass.message }, "instance.waiting");
      else await this.pause(pass.forMs, woken);
    } else if (!(await this.isAdmitted(woken))) {
      return false;
    } else if (blocked) {
      await this.cell.move("again", { reason: "dependency_ready", message: undefined }, "instance.pending");
    }
    return pass.kind === "go";
  }

  /** A restart that nobody asked for takes from the budget of the stack, and waits where that is used up. */
  private async isAdmitted(woken: Promise<void>): Promise<boolean> {
    const { exit, retries, message } = this.cell.slot;
    const byItself = this.restartReason === undefined && (exit !== undefined || retries > 0);
    const waitMs = byItself ? (this.ports.admit?.(this.cell.slot) ?? 0) : 0;
    if (waitMs === 0) return true;
    if (message !== OVER_BUDGET) await this.cell.change({ message: OVER_BUDGET }, "instance.waiting");
    await this.pause(waitMs, woken);
    return false;
  }

  private async pause(ms: number, woken: Promise<void>): Promise<void> {
    if (ms === Infinity) return woken;
    const timer = new AbortController();
    const slept = this.ports.clock.sleep(ms, timer.signal).catch(() => undefined);
    await Promise.race([woken, slept]);
    timer.abort();
  }

  private async launch(): Promise<void> {
    const { slot } = this.cell;
    if (slot.wanted === "stop") return;
    this.starting = new AbortController();
    this.unready.clear();
    const [instance, reason, again] = [this.ports.newId(), this.restartReason ?? slot.reason, slot.instance !== undefined];
    this.restartReason = undefined;
    const restarts = slot.restarts + (again && reason !== "schedule" ? 1 : 0);
    const change = { ...UNKNOWN_YET, instance, reason, restarts, startedAt: this.ports.clock.now(), ...this.assigned() };
    await this.cell.move("start", change, "instance.starting");
    try {
      const prepared = await this.ports.prepare(this.cell.slot, instance, "start");
      await this.bringUp(prepared, again || slot.restarts > 0);
    } catch (error) {
      if (!this.closed) await this.failedToStart(error);
    }
  }

  private assigned(): Partial<Slot> {
    return this.ports.assign ? { ports: this.ports.assign(this.cell.slot) } : {};
  }

  private async bringUp(prepared: Prepared, again: boolean): Promise<void> {
    const { signal } = this.starting;
    const { runtime } = this.ports;
    const refused = await tryHook({ prepared, name: "preStart", runtime, signal });
    if (this.closed) return;
    if (this.cell.slot.wanted === "stop") return this.endings.standDown();
    if (refused !== undefined) throw new OrcoError("hook_failed", refused);
    warnOfLimits(prepared, this.cell, this.ports);
    this.live = await goLive(prepared, this.liveOptions(false), startOptions(this.cell, { signal, again }));
    if (!(await this.live.hook("postStart", signal)) && !signal.aborted) {
      const ending = { readyForMs: 0, failure: "hook_failed", message: "postStart hook failed" } as const;
      return this.endings.fail(this.live, ending, this.force.signal);
    }
    // Without a probe, started is all there is to know.
    const ready = !prepared.health;
    const known = { ...placeOf(this.live.handle, prepared), message: undefined, ready, wasReady: ready };
    void this.cell.move("started", { ...known, ...(ready && { readyAt: this.ports.clock.now() }) }, "instance.running");
  }

  private liveOptions(adopted: boolean): LiveOptions {
    return {
      ports: this.ports,
      slot: this.cell.slot,
      adopted,
      resumed: adopted && this.cell.slot.ready,
      onChange: () => this.wakeup.resolve(),
    };
  }

  private async watch(live: Live, woken: Promise<void>): Promise<void> {
    if (live.exit) return this.endings.exited(live, live.exit, this.force.signal);
    const asked = this.cell.slot.wanted === "stop" ? "stopped" : this.restartReason;
    if (asked !== undefined) {
      this.restartReason = undefined;
      return this.endings.halt(live, asked, this.force.signal);
    }
    const verdict = live.takeVerdict();
    const { signal: force } = this.force;
    if (!verdict) {
      const dueMs = this.unready.dueMs(live);
      return dueMs > 0 ? this.pause(dueMs, woken) : this.unready.count(live, force);
    }
    this.unready.clear();
    if (verdict.ready)
      return this.cell.change(
        { ready: true, wasReady: true, readyAt: this.ports.clock.now(), reason: "probe_ready", message: undefined },
        "instance.ready",
        verdict.detail,
      );
    await this.unready.found(live, verdict, { force, leaving: () => this.closed });
  }

  private async failedToStart(error: unknown): Promise<void> {
    if (this.cell.slot.wanted === "stop") return this.endings.standDown();
    this.cell.note("error", messageOf(error));
    await this.endings.notStarted(error);
  }

  /** Carries on with what a former daemon left. */
  private async take(adopted: Adopted): Promise<void> {
    if (adopted.kind === "running") {
      const prepared = await this.ports.prepare(this.cell.slot, adopted.handle.instance, "adopt");
      this.live = new Live(adopted.handle, prepared, this.liveOptions(true));
      if (this.cell.slot.state === "Starting")
        await this.cell.move("started", { ready: !prepared.health, wasReady: !prepared.health }, "instance.running");
      await this.cell.change(placeOf(adopted.handle, prepared), "instance.adopted");
      if (this.cell.slot.state === "Stopping" && this.cell.slot.wanted === "run")
        await this.endings.resumeStop(this.live, this.force.signal);
    } else if (adopted.kind === "exited") {
      this.endings.found(adopted.exit, adopted.spools);
    } else {
      if (adopted.spools) this.endings.drains.resume(this.cell.slot.instance ?? "", adopted.spools, Promise.resolve());
      await (this.cell.slot.wanted === "stop" ? this.endings.standDown() : this.endings.gone());
    }
  }

  /** A backoff that a former daemon began goes on: a crash of the daemon is no free retry. */
  private resumeBackoff(): void {
    const { nextStartAt } = this.cell.slot;
    // A wall clock that jumped must not turn a backoff into a day.
    if (nextStartAt !== undefined) this.turnstile.hold(Math.min(nextStartAt - this.ports.clock.now(), this.ports.policy().backoff.maxMs));
  }
}
