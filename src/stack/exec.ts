import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { EventLog, JsonObject } from "../kernel/event.ts";
import { hasEnded, type Slot } from "../supervise/instance.ts";
import type { Live } from "../supervise/live.ts";
import type { Exec, ExecRun, Handle } from "../supervise/runtime.ts";
import type { Supervisor } from "../supervise/supervisor.ts";
import { serviceOf, unknownService } from "./graph.ts";
import { unknownReplica } from "./replica-meant.ts";
import type { Runtimes } from "./runtimes.ts";
import type { Stack } from "./stack.ts";
import type { Stacks } from "./stacks.ts";

/** More at once are no people any more. */
const MAX_OPEN = 256;

export interface ExecTarget {
  readonly stack: string;
  readonly service: string;
  /** The first that runs unless given. */
  readonly replica?: number;
}

export type ExecEnd = Awaited<Exec["exited"]> & { readonly reason?: "instance_ended" | "daemon_ended" };

/** A command under way. It is killed with its instance and with the daemon. */
export interface OpenExec extends Omit<Exec, "exited"> {
  readonly id: string;
  readonly exited: Promise<ExecEnd>;
}

interface ExecPorts {
  readonly stacks: Stacks;
  readonly runtimes: Runtimes;
  readonly journal: Pick<EventLog, "append">;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly onError: (error: unknown) => void;
}

/** Commands that people run beside the instances of services (`orco exec`). */
export class Execs {
  private readonly open = new Set<Running>();
  /** Docker has been asked for as many more. */
  private beginning = 0;
  private closed = false;
  /** By instance, so that a thousand commands leave one listener at it. */
  private readonly byHandle = new WeakMap<Handle, Set<Running>>();

  constructor(private readonly ports: ExecPorts) {}

  /**
   * Starts it; it is in the journal, by its first word alone, before this resolves. Throws `not_found` (stack, service, replica), `conflict` (it does
   * not run), `unavailable` (too many), `disk_full`, and as `Runtime.exec` does.
   */
  async start(target: ExecTarget, run: ExecRun, by: string): Promise<OpenExec> {
    const { slot, live } = this.find(target);
    const running = await this.begin(live, run);
    this.killWith(live.handle, running);
    await this.audit(running, { slot, run, by });
    return running;
  }

  /** The daemon leaves. */
  close(): void {
    this.closed = true;
    for (const running of this.open) running.killFor("daemon_ended");
  }

  private async begin({ prepared: { launch } }: Live, run: ExecRun): Promise<Running> {
    if (this.open.size + this.beginning >= MAX_OPEN)
      throw new OrcoError("unavailable", `${MAX_OPEN} commands are under way already`, { retry_after_s: 5 });
    const runtime = this.ports.runtimes[launch.container ? "docker" : "process"];
    if (!runtime.exec) throw new OrcoError("unsupported", `nothing can be executed beside an instance of ${runtime.name}`);
    this.beginning += 1;
    try {
      const exec = await runtime.exec(launch, run);
      const running = new Running(this.ports.newId(), exec, () => this.open.delete(running));
      this.open.add(running);
      if (this.closed) running.killFor("daemon_ended");
      return running;
    } finally {
      this.beginning -= 1;
    }
  }

  private find(target: ExecTarget): { slot: Slot; live: Live } {
    const stack = this.ports.stacks.require(target.stack);
    const { spec } = stack.record;
    if (!serviceOf(spec, target.service)) throw unknownService(spec, target.service);
    const members = membersOf(stack, target);
    const found = members.find(isRunning);
    if (found) return { slot: found.slot, live: found.running as Live };
    throw notRunning(target, members[0]?.slot);
  }

  private killWith(handle: Handle, running: Running): void {
    const known = this.byHandle.get(handle);
    const all = known ?? new Set();
    all.add(running);
    void running.exited.catch(() => undefined).then(() => all.delete(running));
    if (known) return;
    this.byHandle.set(handle, all);
    void handle.exited.then(() => {
      for (const one of all) one.killFor("instance_ended");
    });
  }

  private async audit(running: Running, { slot, run, by }: { slot: Slot; run: ExecRun; by: string }): Promise<void> {
    const { clock, onError } = this.ports;
    const startedAt = clock.monotonic();
    const { service, replica } = slot;
    const told = { stack: slot.stack, service, replica, exec: running.id };
    const append = (type: string, data: JsonObject): Promise<unknown> =>
      this.ports.journal.append([{ topic: `stack/${slot.stack}`, type, data: { ...told, ...data } }]);
    const { argv, tty, user } = run;
    // Arguments may hold secrets.
    const started = { command: argv[0] ?? "", tty: tty !== undefined, by, ...(user !== undefined && { user }) };
    await append("exec.started", started).catch((error: unknown) => {
      running.kill();
      throw error;
    });
    const ended = (end: JsonObject): void =>
      void append("exec.ended", { ...end, duration_ms: Math.round(clock.monotonic() - startedAt) }).catch(onError);
    running.exited.then(
      (end) => ended({ ...end }),
      () => ended({ reason: "start_failed" }),
    );
  }
}

/** Says why it was killed. */
class Running implements OpenExec {
  readonly exited: Promise<ExecEnd>;
  private reason: ExecEnd["reason"];

  constructor(
    readonly id: string,
    private readonly exec: Exec,
    onEnd: () => void,
  ) {
    this.exited = exec.exited.then((end) => ({ ...end, ...(this.reason && { reason: this.reason }) })).finally(onEnd);
    this.exited.catch(() => undefined);
  }

  read(): ReturnType<Exec["read"]> {
    return this.exec.read();
  }

  write(data: Uint8Array): Promise<boolean> {
    return this.exec.write(data);
  }

  end(): void {
    this.exec.end();
  }

  resize(size: Parameters<Exec["resize"]>[0]): void {
    this.exec.resize(size);
  }

  kill(): void {
    this.exec.kill();
  }

  killFor(reason: NonNullable<ExecEnd["reason"]>): void {
    this.reason ??= reason;
    this.exec.kill();
  }
}

/** Best first: what runs, what is ready, the new version, the lowest replica. Throws `not_found` for a replica that is not there. */
function membersOf(stack: Stack, { service, replica }: ExecTarget): Supervisor[] {
  const all = stack.supervisorsOf(service);
  const wanted = all.filter(({ slot }) => replica === undefined || slot.replica === replica);
  if (replica !== undefined && wanted.length === 0) throw unknownReplica(all, { stack: stack.name, service, replica });
  const rank = ({ slot }: Supervisor): number => (slot.ready ? 0 : 2) + (slot.version === "new" ? 0 : 1);
  return wanted.toSorted((a, b) => rank(a) - rank(b) || a.slot.replica - b.slot.replica);
}

function isRunning({ running }: Supervisor): boolean {
  return running !== undefined && running.exit === undefined;
}

function notRunning({ stack, service, replica }: ExecTarget, slot: Slot | undefined): OrcoError {
  const name = replica === undefined ? service : `${service}/${replica}`;
  const why = slot ? ` (${slot.state}${slot.message ? `: ${slot.message}` : `, ${slot.reason.replaceAll("_", " ")}`})` : "";
  return new OrcoError("conflict", `${name} is not running${why}`, {
    stack,
    service,
    next: slot && !hasEnded(slot) ? "see why: orco status" : `start it: orco start ${service}; see why: orco status`,
  });
}
