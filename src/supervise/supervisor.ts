import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Verdict } from "./health.ts";
import { isAtRest, nextState, type InstanceMove, type Slot } from "./instance.ts";
import { Live, tryHook } from "./live.ts";
import { outcomeOf, type Ending } from "./outcome.ts";
import type { Adopted, Exit, Handle } from "./runtime.ts";
import type { Prepared, SupervisorPorts } from "./supervised.ts";

/** How long the end of an instance waits for the last of its log lines; the rest is read on beside the next start. */
const CLEAR_MS = 500;

/** Failures of a start that trying again cannot mend. */
const FINAL_CODES = new Set<string>(["executable_not_found", "invalid", "unsupported"]);

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
  private current: Slot;
  private live: Live | undefined;
  private wakeup = Promise.withResolvers<void>();
  private restartReason: string | undefined;
  private force = new AbortController();
  private notBefore = 0;
  private blockedSince: number | undefined;
  private closed = false;

  constructor(
    slot: Slot,
    private readonly ports: SupervisorPorts,
    private readonly onChange: (slot: Slot) => void,
  ) {
    this.current = slot;
  }

  get slot(): Slot {
    return this.current;
  }

  /** The last word of a probe, else the last line the service wrote. */
  get detail(): string {
    return this.live?.detail || (this.live?.attachment.last(1)[0]?.message ?? "");
  }

  get pid(): number | undefined {
    return this.live?.handle.pid;
  }

  get running(): Live | undefined {
    return this.live;
  }

  /** Starts the loop. It never rejects; it ends when the supervisor is closed. */
  start(adopted?: Adopted): void {
    void this.run(adopted);
  }

  /** Dependencies may have changed. */
  poke(): void {
    this.wakeup.resolve();
  }

  want(wanted: "run" | "stop", reason: string, force = false): void {
    if (wanted === "run" && isAtRest(this.current)) this.restartReason = reason;
    if (wanted === "stop") this.restartReason = undefined;
    if (this.current.wanted !== wanted) this.change({ wanted, ...(wanted === "stop" && { message: reason }) }, "instance.wanted");
    if (force) this.force.abort();
    this.wakeup.resolve();
  }

  /** One new start, whatever it does now; several wishes before it happens are one. Resets the retries. */
  restart(reason: string): void {
    this.restartReason = reason;
    this.change({ wanted: "run", retries: 0 }, "instance.wanted");
    this.wakeup.resolve();
  }

  /** Marks the slot against the desired spec while an update is under way. */
  mark(version: "old" | "new"): void {
    if (this.current.version !== version) this.change({ version }, "instance.version");
  }

  /** The daemon leaves: what runs goes on. */
  close(): void {
    this.closed = true;
    this.wakeup.resolve();
    this.live?.release();
  }

  private async run(adopted: Adopted | undefined): Promise<void> {
    if (adopted) await this.take(adopted).catch((error: unknown) => this.ports.note(this.current, "error", `adoption: ${messageOf(error)}`));
    while (!this.closed) {
      try {
        await this.turn();
      } catch (error) {
        // A defect in one slot must not stop the supervision of the others.
        this.ports.note(this.current, "error", `supervisor: ${messageOf(error)}`);
        await this.ports.clock.sleep(1000);
      }
    }
  }

  private async turn(): Promise<void> {
    const woken = this.renewWakeup();
    if (this.live) return this.watch(this.live, woken);
    if (this.current.wanted === "stop") return this.rest(woken);
    if (this.restartReason !== undefined && isAtRest(this.current)) this.reopen(this.restartReason);
    if (isAtRest(this.current)) return woken;
    if (await this.mayStart(woken)) await this.launch();
  }

  private renewWakeup(): Promise<void> {
    this.wakeup = Promise.withResolvers<void>();
    return this.wakeup.promise;
  }

  private async rest(woken: Promise<void>): Promise<void> {
    this.restartReason = undefined;
    this.force = new AbortController();
    if (this.current.state !== "Stopped" || this.current.reason === "completed") {
      this.move("stop", { reason: "stopped", nextStartAt: undefined }, "instance.stopped");
    }
    await woken;
  }

  private reopen(reason: string): void {
    this.notBefore = 0;
    this.move("again", { reason, retries: 0, nextStartAt: undefined, message: undefined }, "instance.pending");
  }

  private async mayStart(woken: Promise<void>): Promise<boolean> {
    const gate = this.ports.gate(this.current);
    if (!gate.open) {
      await this.waitFor(gate, woken);
      return false;
    }
    this.blockedSince = undefined;
    if (this.current.state === "Failed") this.move("again", { reason: "dependency_ready", message: undefined }, "instance.pending");
    if (this.restartReason !== undefined) this.notBefore = 0;
    const delayMs = this.notBefore - this.ports.clock.monotonic();
    if (delayMs <= 0) return true;
    await this.pause(delayMs, woken);
    return false;
  }

  private async waitFor(gate: { waitingFor: string; why: string; timeoutMs?: number }, woken: Promise<void>): Promise<void> {
    this.blockedSince ??= this.ports.clock.monotonic();
    const message = `waiting for ${gate.waitingFor}`;
    if (this.current.state === "Pending" && this.current.message !== message) this.change({ message }, "instance.waiting");
    const leftMs = gate.timeoutMs === undefined ? Infinity : this.blockedSince + gate.timeoutMs - this.ports.clock.monotonic();
    if (this.current.state === "Failed" || leftMs === Infinity) return woken;
    if (leftMs > 0) return this.pause(leftMs, woken);
    this.move("giveUp", { reason: "dependency_blocked", message: gate.why }, "instance.failed");
  }

  private async pause(ms: number, woken: Promise<void>): Promise<void> {
    const timer = new AbortController();
    const slept = this.ports.clock.sleep(ms, timer.signal).catch(() => undefined);
    await Promise.race([woken, slept]);
    timer.abort();
  }

  private async launch(): Promise<void> {
    const instance = this.ports.newId();
    const reason = this.restartReason ?? this.current.reason;
    this.restartReason = undefined;
    const again = this.current.instance !== undefined;
    const change = { instance, reason, ready: false, startedAt: this.ports.clock.now(), message: undefined, exit: undefined, pid: undefined, readyAt: undefined, nextStartAt: undefined };
    await this.move("start", { ...change, restarts: this.current.restarts + (again ? 1 : 0) }, "instance.starting");
    try {
      const prepared = await this.ports.prepare(this.current, instance, "start");
      await this.bringUp(prepared);
    } catch (error) {
      await this.failedToStart(error);
    }
  }

  private async bringUp(prepared: Prepared): Promise<void> {
    const { clock, runtime } = this.ports;
    const refused = await tryHook({ prepared, name: "preStart", clock, signal: this.force.signal });
    if (refused !== undefined) throw new OrcoError("hook_failed", refused);
    if (this.closed || this.current.wanted === "stop") return this.standDown();
    this.change({ ports: prepared.ports }, undefined);
    const handle = await runtime.start(prepared.launch);
    try {
      this.live = this.watchOver(handle, prepared, false);
    } catch (error) {
      await handle.stop(prepared.stop, AbortSignal.abort());
      throw error;
    }
    if (!(await this.live.hook("postStart", this.force.signal))) {
      this.ports.note(this.current, "error", "postStart failed: the instance is stopped");
      return this.halt(this.live, "hook_failed");
    }
    // Without a probe, started is all there is to know.
    const ready = !prepared.health;
    this.move("started", { pid: handle.pid, ready, ...(ready && { readyAt: clock.now() }) }, "instance.running");
  }

  private standDown(): void {
    this.move("stop", { reason: "stopped" }, "instance.stopping");
    this.move("end", { reason: "stopped" }, "instance.stopped");
  }

  private watchOver(handle: Handle, prepared: Prepared, resumed: boolean): Live {
    return new Live(handle, prepared, { ports: this.ports, slot: this.current, resumed, onChange: () => this.wakeup.resolve() });
  }

  private async watch(live: Live, woken: Promise<void>): Promise<void> {
    if (live.exit) return this.ended(live, live.exit);
    if (this.current.wanted === "stop") return this.halt(live, "stopped");
    if (this.restartReason !== undefined) return this.halt(live, this.restartReason);
    const verdict = live.takeVerdict();
    if (!verdict) return woken;
    if (verdict.ready) return this.change({ ready: true, readyAt: this.ports.clock.now(), reason: "probe_ready", message: undefined }, "instance.ready");
    await this.unready(live, verdict);
  }

  private async unready(live: Live, verdict: Verdict): Promise<void> {
    const message = `probe failing: ${verdict.detail}`;
    const readyForMs = this.readyForMs();
    await this.change({ ready: false, readyAt: undefined, reason: "probe_unready", message }, "instance.unready");
    if (live.prepared.health?.onUnready !== "restart" || this.closed) return;
    await this.move("stop", { reason: "probe_unready" }, "instance.stopping");
    const exit = await live.halt(this.force.signal);
    await this.leave(live);
    this.decide({ exit, readyForMs, failure: "probe_unready", message });
  }

  /** A stop or a restart that was asked for. */
  private async halt(live: Live, reason: string): Promise<void> {
    this.restartReason = undefined;
    await this.move("stop", { reason, ready: false, readyAt: undefined }, "instance.stopping");
    const exit = await live.halt(this.force.signal);
    await this.leave(live);
    if (this.current.wanted === "stop") await this.move("end", { reason: "stopped", exit, pid: undefined }, "instance.stopped");
    else if (reason === "hook_failed") this.decide({ exit, readyForMs: 0, failure: "hook_failed", message: "postStart hook failed" });
    else await this.move("retry", { reason, exit, retries: 0, pid: undefined }, "instance.pending");
  }

  private async ended(live: Live, exit: Exit): Promise<void> {
    const readyForMs = this.readyForMs();
    await this.leave(live);
    this.decide({ exit, readyForMs });
  }

  private async leave(live: Live): Promise<void> {
    await live.hook("postStop", this.force.signal);
    this.live = undefined;
    const cleared = live.clear().catch((error: unknown) => this.ports.note(this.current, "warn", `logs of ${live.handle.instance}: ${messageOf(error)}`));
    await Promise.race([cleared, this.ports.clock.sleep(CLEAR_MS)]);
  }

  private readyForMs(): number {
    return this.current.ready && this.current.readyAt !== undefined ? Math.max(0, this.ports.clock.now() - this.current.readyAt) : 0;
  }

  private async failedToStart(error: unknown): Promise<void> {
    const message = messageOf(error);
    this.ports.note(this.current, "error", message);
    const final = error instanceof OrcoError && FINAL_CODES.has(error.code);
    if (this.current.wanted === "stop") this.standDown();
    else if (final) await this.move("giveUp", { reason: "start_failed", message }, "instance.failed");
    else this.decide({ readyForMs: 0, failure: "start_failed", message });
  }

  /** What becomes of an instance that ended by itself (or had to be ended): by policy. */
  private decide(ending: Ending): void {
    const { clock, policy } = this.ports;
    const next = outcomeOf(ending, { slot: this.current, policy: policy(), clock });
    this.notBefore = clock.monotonic() + (next.afterMs ?? 0);
    if (this.current.wanted === "stop" && this.current.state !== "Stopping") void this.move("stop", {}, "instance.stopping");
    void this.move(next.move, next.patch, next.type);
  }

  /** Carries on with what a former daemon left. */
  private async take(adopted: Adopted): Promise<void> {
    const { clock, policy, prepare } = this.ports;
    if (adopted.kind === "running") {
      const prepared = await prepare(this.current, adopted.handle.instance, "adopt");
      const resumed = this.current.ready;
      this.live = this.watchOver(adopted.handle, prepared, resumed);
      if (this.current.state === "Stopping" && this.current.wanted === "run") this.restartReason = this.current.reason;
      if (this.current.state === "Starting") await this.move("started", { pid: adopted.handle.pid, ready: !prepared.health }, "instance.running");
      await this.change({ pid: adopted.handle.pid }, "instance.adopted");
    } else if (adopted.kind === "exited") {
      this.drain(adopted.spools);
      this.decide({ exit: adopted.exit, readyForMs: this.readyForMs() });
    } else if (this.current.wanted === "stop") {
      this.standDown();
    } else {
      await this.move("retry", { ready: false, pid: undefined, reason: "lost" }, "instance.pending");
    }
    // A wall clock that jumped must not turn a backoff into a day.
    if (this.current.nextStartAt !== undefined) this.notBefore = clock.monotonic() + Math.min(this.current.nextStartAt - clock.now(), policy().backoff.maxMs);
  }

  /** Reads on the log of an instance that ended while no daemon ran. */
  private drain(spools: Handle["spools"]): void {
    const { attach, runtime, note } = this.ports;
    const slot = this.current;
    const instance = slot.instance ?? "";
    attach(slot, spools)
      .finish()
      .then(() => runtime.forget(instance))
      .catch((error: unknown) => note(slot, "warn", `logs of ${instance}: ${messageOf(error)}`));
  }

  private move(move: InstanceMove, patch: Partial<Slot>, type: string): Promise<void> {
    return this.change({ ...patch, state: nextState(this.current.state, move) }, type);
  }

  private async change(patch: Partial<Slot>, type: string | undefined): Promise<void> {
    const from = this.current.state;
    this.current = { ...this.current, ...patch };
    if (type === undefined) return;
    await this.ports.record(this.current, { type, from });
    this.onChange(this.current);
  }
}
