import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { parseExpression } from "./expression.ts";
import { onGrid } from "./grid.ts";
import type { HealthSpec, ProbeAlias, ProbeResult, Verdict } from "./health.ts";
import type { RunCommand } from "./hook.ts";
import type { LogRecord } from "./logs/record.ts";
import { commandProbe } from "./probes/command.ts";
import { httpProbe } from "./probes/http.ts";
import { LogWatch } from "./probes/log.ts";
import type { Probe } from "./probes/probe.ts";
import { tcpProbe } from "./probes/tcp.ts";
import { Tally } from "./tally.ts";

/** The first looks: at the start, and after 6, 12, 25, 50, 100 … ms. Most services listen some milliseconds after their start. */
const FIRST_PAUSE_MS = 6.25;
/** Settled services with this interval or a longer one are probed together. */
const GRID_FROM_INTERVAL_MS = 1000;

/** Whoever asks how it is holds up an end or a stop meanwhile. */
const LOOK_MS = 2000;

export interface ProberOptions {
  readonly health: HealthSpec;
  /** Of command probes. */
  readonly run: RunCommand;
  readonly clock: Clock;
  /** It was ready when a former daemon watched it: it counts as ready now, and its log pattern as seen. */
  readonly resumed?: boolean;
  readonly subscribeLog?: (listener: (record: LogRecord) => void) => () => void;
  /** Only changes; the first one too, ready or not. */
  readonly onVerdict: (verdict: Verdict) => void;
  /** After every round: what it found in words, and how long each probe took, ms. */
  readonly onRound?: (detail: string, latencies: Readonly<Partial<Record<ProbeAlias, number>>>) => void;
}

export interface Probing {
  /** Nothing is told any more, and no probe command is left. */
  stop(): void;
  /** How it is at this moment, beside the rounds: it does not count. All who ask meanwhile get one answer, within two seconds. */
  look(): Promise<boolean>;
}

/** Probes one start of one instance until it is stopped. */
export function startProber(options: ProberOptions): Probing {
  const prober = new Prober(options);
  prober.begin();
  return prober;
}

type Results = ReadonlyMap<ProbeAlias, Pick<ProbeResult, "ok" | "detail"> & { readonly latencyMs?: number }>;

class Prober {
  private readonly probes: ReadonlyMap<ProbeAlias, Probe>;
  private readonly log: LogWatch | undefined;
  private readonly holds: (truth: (alias: ProbeAlias) => boolean) => boolean;
  private readonly tally: Tally;
  private readonly stopped = new AbortController();
  private readonly startedAt: number;
  private cancel: CancelTimer = () => undefined;
  private inRound = false;
  /** The log matched while a round was under way. */
  private again = false;
  private looking: Promise<boolean> | undefined;

  constructor(private readonly options: ProberOptions) {
    const { health, clock, resumed = false } = options;
    this.startedAt = clock.monotonic();
    this.tally = new Tally(health, resumed);
    const { aliases, holds } = successOf(health);
    this.holds = holds;
    this.probes = new Map([...buildProbes(options)].filter(([alias]) => aliases.has(alias)));
    if (health.log && options.subscribeLog && aliases.has("log")) {
      this.log = new LogWatch({ spec: health.log, subscribe: options.subscribeLog, seen: resumed, onMatch: () => this.lookNow() });
    }
  }

  begin(): void {
    const { clock, health, resumed } = this.options;
    if (resumed) this.lookAfter(clock.random() * health.intervalMs);
    else this.lookNow();
  }

  stop(): void {
    this.stopped.abort();
    this.cancel();
    this.log?.stop();
  }

  look(): Promise<boolean> {
    this.looking ??= this.lookInTime().finally(() => (this.looking = undefined));
    return this.looking;
  }

  /** One that cannot even be asked does not answer: a command waits for a docker that is away, and nobody shall wait with it. */
  private async lookInTime(): Promise<boolean> {
    const { clock, health } = this.options;
    const late = new AbortController();
    const over = Promise.withResolvers<false>();
    const cancel = clock.after(Math.min(LOOK_MS, Math.max(health.timeoutMs, health.command?.timeoutMs ?? 0)), () => {
      over.resolve(false);
      late.abort();
    });
    try {
      const results = this.ask(AbortSignal.any([this.stopped.signal, late.signal]));
      return await Promise.race([over.promise, results.then((found) => this.isOk(found))]);
    } finally {
      cancel();
    }
  }

  private isOk(results: Results): boolean {
    return this.holds((alias) => results.get(alias)?.ok ?? false);
  }

  private lookNow(): void {
    this.cancel();
    if (this.inRound) this.again = true;
    else void this.round();
  }

  private lookAfter(ms: number): void {
    this.cancel = this.options.clock.after(Math.max(0, ms), () => void this.round());
  }

  private async round(): Promise<void> {
    if (this.stopped.signal.aborted) return;
    this.inRound = true;
    const { clock } = this.options;
    const beganAt = clock.monotonic();
    const results = await this.ask(this.stopped.signal);
    this.inRound = false;
    if (this.stopped.signal.aborted) return;
    const settledBefore = this.tally.settled;
    this.report(results);
    if (this.stopped.signal.aborted) return;
    if (this.again) return this.lookAgain();
    this.schedule(beganAt, settledBefore);
  }

  private lookAgain(): Promise<void> {
    this.again = false;
    return this.round();
  }

  private async ask(signal: AbortSignal): Promise<Results> {
    const asked = [...this.probes].map(async ([alias, probe]) => [alias, await probe(signal)] as const);
    const results = new Map<ProbeAlias, ProbeResult | { ok: boolean; detail: string }>(await Promise.all(asked));
    if (this.log) results.set("log", this.log.result);
    return results;
  }

  private report(results: Results): void {
    const ok = this.isOk(results);
    const found = [...results.values()];
    const telling = found.filter((result) => result.ok === ok);
    const detail = (telling.length > 0 ? telling : found).map((result) => result.detail).join("; ");
    const latencies = Object.fromEntries(
      [...results].flatMap(([alias, { latencyMs }]) => (latencyMs === undefined ? [] : [[alias, latencyMs]])),
    );
    this.options.onRound?.(detail, latencies);
    const verdict = this.tally.count({ ok, detail, atMs: this.options.clock.monotonic() - this.startedAt });
    if (verdict) this.options.onVerdict(verdict);
  }

  private schedule(beganAt: number, settledBefore: boolean): void {
    const { clock, health } = this.options;
    if (!this.tally.settled) return this.lookAfter(beganAt + this.firstPauseMs(beganAt) - clock.monotonic());
    // A log line once seen stays seen: nothing can change any more.
    if (this.probes.size === 0) return;
    // Services that became ready together shall not be probed together for ever after.
    const phase = settledBefore ? 1 : (1 + clock.random()) / 2;
    const nextAt = beganAt + health.intervalMs * phase;
    if (health.intervalMs >= GRID_FROM_INTERVAL_MS) this.cancel = onGrid(clock, nextAt, () => void this.round());
    else this.lookAfter(nextAt - clock.monotonic());
  }

  private firstPauseMs(beganAt: number): number {
    return Math.min(Math.max(FIRST_PAUSE_MS, beganAt - this.startedAt), this.options.health.intervalMs);
  }
}

/** Which probes decide, and how: the expression, or all that are declared. */
function successOf(health: HealthSpec): { aliases: ReadonlySet<ProbeAlias>; holds: Prober["holds"] } {
  const declared = (["http", "tcp", "cmd", "log"] as const).filter((alias) => health[alias === "cmd" ? "command" : alias] !== undefined);
  const all = { aliases: new Set(declared), holds: (truth: (alias: ProbeAlias) => boolean) => declared.every(truth) };
  if (health.expression === undefined) return all;
  const parsed = parseExpression(health.expression);
  // The loader refuses a stack with a wrong one.
  return parsed.ok ? { aliases: new Set(parsed.aliases), holds: parsed.holds } : all;
}

function buildProbes({ health, run, clock }: ProberOptions): Map<ProbeAlias, Probe> {
  const ports = { clock, timeoutMs: health.timeoutMs };
  const probes = new Map<ProbeAlias, Probe>();
  if (health.http) probes.set("http", httpProbe(health.http, ports));
  if (health.tcp) probes.set("tcp", tcpProbe(health.tcp, ports));
  if (health.command) probes.set("cmd", commandProbe(health.command, { ...ports, run }));
  return probes;
}
