import { messageOf } from "../kernel/errors.ts";
import type { HealthSpec, Verdict } from "./health.ts";
import { runHook } from "./hook.ts";
import type { Slot } from "./instance.ts";
import type { Attachment } from "./logs/attachment.ts";
import { endpointOf } from "./place.ts";
import { type Probing, startProber } from "./prober.ts";
import type { LogRecord } from "./logs/record.ts";
import type { Exit, Handle, Runtime, StartOptions } from "./runtime.ts";
import type { HookName, Prepared, SupervisorPorts } from "./supervised.ts";

/** A started instance with everything that watches it. Made by `launch` or `resume`, ended by `halt` or by its own exit. */
export class Live {
  private readonly prober: Probing | undefined;
  readonly attachment: Attachment;
  private readonly health: HealthSpec | undefined;
  exit: Exit | undefined;
  /** The last word of the probes. */
  detail = "";
  private verdict: Verdict | undefined;

  constructor(
    readonly handle: Handle,
    readonly prepared: Prepared,
    private readonly options: LiveOptions,
  ) {
    const { ports, slot } = options;
    this.attachment = ports.attach({ ...slot, instance: handle.instance }, handle.spools);
    const { health, aim } = prepared;
    this.health = health && aim ? aim(health, endpointOf(handle, options.slot, prepared)) : health;
    this.prober = this.probe();
    void handle.exited.then((exit) => {
      this.exit = exit;
      // The line that a log probe waits for may be among the last, which are read only now.
      if (!prepared.health?.log) this.prober?.stop();
      options.onChange();
    });
  }

  get told(): string {
    return this.handle.held ?? this.detail;
  }

  /** Commands beside the service itself: what they start in a session of its own is in no tree. */
  get mayLeaveStrays(): boolean {
    const { hooks, health, stop } = this.prepared;
    return Object.keys(hooks).length > 0 || health?.command !== undefined || stop.command !== undefined;
  }

  /** The verdict since the last call, if there is one. */
  takeVerdict(): Verdict | undefined {
    const verdict = this.verdict;
    this.verdict = undefined;
    return verdict;
  }

  /** Whether it answers its probes at this moment; without probes it does. */
  answers(): Promise<boolean> {
    return this.prober?.look() ?? Promise.resolve(true);
  }

  /** Runs a hook of the service if it has one; true when it went well. A failure is a line in the service's log. */
  async hook(name: HookName, signal?: AbortSignal): Promise<boolean> {
    const { runtime } = this.options.ports;
    const failure = await tryHook({ prepared: this.prepared, name, runtime, ...(signal && { signal }) });
    if (failure !== undefined) this.options.ports.note(this.options.slot, "warn", failure);
    return failure === undefined;
  }

  /** Stops the tree; resolves when no process of it is left. */
  async halt(force: AbortSignal): Promise<Exit> {
    this.prober?.stop();
    await this.hook("preStop", force);
    return this.handle.stop(this.prepared.stop, force);
  }

  /** Reads the logs to their end; false when the daemon leaves before. */
  async readOut(): Promise<boolean> {
    const whole = await this.attachment.finish();
    await this.options.ports.clock.sleep(0);
    this.prober?.stop();
    return whole;
  }

  /** The daemon leaves; the instance goes on. */
  release(): void {
    this.prober?.stop();
    this.attachment.close();
  }

  private probe(): Probing | undefined {
    const { health } = this;
    const { launch, clean } = this.prepared;
    if (!health) return undefined;
    const { ports, slot, onChange, resumed, adopted } = this.options;
    if (health.log && !resumed) this.attachment.urgent(true);
    return startProber({
      health,
      run: (run) => ports.runtime.command(launch, { ...run, env: { ORCO_PID: String(this.handle.pid ?? "") } }),
      clock: ports.clock,
      resumed,
      subscribeLog: (listener) => {
        if (adopted && !resumed) void replay(ports.history(slot), listener);
        return this.attachment.onRecord(listener);
      },
      onVerdict: (verdict) => {
        this.attachment.urgent(false);
        this.verdict = { ...verdict, detail: clean(verdict.detail) };
        onChange();
      },
      onRound: (detail, latencies) => {
        this.detail = clean(detail);
        for (const [probe, latencyMs] of Object.entries(latencies)) ports.onProbe?.(slot, probe, latencyMs);
      },
    });
  }
}

export interface LiveOptions {
  readonly ports: SupervisorPorts;
  readonly slot: Slot;
  /** It was ready before this daemon came: log patterns count as seen. */
  readonly resumed: boolean;
  /** A former daemon started it. */
  readonly adopted: boolean;
  /** It ended, or the probes changed their mind. */
  readonly onChange: () => void;
}

/** Starts an instance and watches it; if it cannot be watched it is not left running. Throws as `Runtime.start` does. */
export async function goLive(prepared: Prepared, options: LiveOptions, start: StartOptions): Promise<Live> {
  const handle = await options.ports.runtime.start(prepared.launch, start);
  try {
    return new Live(handle, prepared, options);
  } catch (error) {
    await handle.stop(prepared.stop, AbortSignal.abort());
    throw error;
  }
}

/** The line a log probe waits for may have been stored by a daemon that died before it could act on it. */
async function replay(records: AsyncIterable<LogRecord>, listener: (record: LogRecord) => void): Promise<void> {
  for await (const record of records) listener(record);
}

interface HookRun {
  readonly prepared: Prepared;
  readonly name: HookName;
  readonly runtime: Pick<Runtime, "command">;
  readonly signal?: AbortSignal;
}

/** The text of the failure, or undefined when the hook went well or there is none. */
export async function tryHook({ prepared, name, runtime, signal }: HookRun): Promise<string | undefined> {
  const hook = prepared.hooks[name];
  if (!hook) return undefined;
  try {
    await runHook({ name, ...hook, ...(signal && { signal }) }, (run) => runtime.command(prepared.launch, run));
    return undefined;
  } catch (error) {
    return prepared.clean(messageOf(error));
  }
}
