import { afterEach, beforeEach, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import { Journal } from "../../kernel/journal.ts";
import { quickFolder } from "../../kernel/quick-folder.fake.ts";
import type { Adapter, EngineEnd, EngineSink, EngineStream } from "../adapters/adapter.ts";
import { EngineFault } from "../adapters/adapter.ts";
import { NO_METER } from "../meter.ts";
import type { PoolFacts } from "../pools/pool.ts";
import type { Channel } from "../relay/channel.ts";
import type { Subscription } from "../relay/audience.ts";
import type { TaskRequest } from "../request.ts";
import { Sessions } from "../sessions/sessions.ts";
import { Desk } from "./desk.ts";
import type { DeskOptions } from "./options.ts";

/** An engine that does what the test says, one stream after the other. */
export class ScriptedStream implements EngineStream {
  canceled = false;
  paused = false;
  ended = false;
  private readonly settled = Promise.withResolvers<EngineEnd>();
  readonly end = this.settled.promise;

  constructor(
    readonly url: string,
    readonly request: TaskRequest,
    readonly sink: EngineSink,
  ) {
    this.end.catch(() => undefined);
  }

  finish(finishReason = "stop"): void {
    this.ended = true;
    this.settled.resolve({ finishReason });
  }

  fault(kind: EngineFault["kind"], facts: EngineFault["facts"] = {}, message = `scripted ${kind}`): void {
    this.ended = true;
    this.settled.reject(new EngineFault(kind, message, facts));
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  cancel(): void {
    this.canceled = true;
    this.fault("canceled");
  }
}

class ScriptedEngine implements Adapter {
  readonly engine = "mock";
  readonly streams: ScriptedStream[] = [];

  health = async () => ({ live: true, ready: true });
  props = async () => ({ models: ["m"] });

  stream({ url }: { url: string }, request: TaskRequest, { sink }: { sink: EngineSink }): ScriptedStream {
    const stream = new ScriptedStream(url, request, sink);
    this.streams.push(stream);
    return stream;
  }

  get last(): ScriptedStream {
    const stream = this.streams.at(-1);
    if (!stream) throw new Error("no stream has begun");
    return stream;
  }
}

/** Reads everything as it comes; events as `[event, data]`. */
export class Reader {
  text = "";
  wasCut = false;
  hasLeft = false;
  private readonly subscription: Subscription;

  constructor(channel: Channel) {
    const wake = (): void => queueMicrotask(() => this.drain());
    const offer = (bytes: Uint8Array): void => void (this.text += new TextDecoder().decode(bytes));
    this.subscription = channel.subscribe({ wake, offer, cut: () => void (this.wasCut = true) });
    this.drain();
  }

  get events(): [string, Record<string, unknown>][] {
    this.drain();
    return [...this.text.matchAll(/event: (\w+)\n(?:id: \S+\n)?data: (.*)\n/g)].map(([, event = "", data = ""]) => [
      event,
      JSON.parse(data),
    ]);
  }

  get names(): string {
    return this.events.map(([event]) => event).join(" ");
  }

  leave(): void {
    this.hasLeft = true;
    this.subscription.leave();
  }

  private drain(): void {
    for (let bytes = this.subscription?.take(65_536); bytes; bytes = this.subscription.take(65_536))
      this.text += new TextDecoder().decode(bytes);
  }
}

export function poolOf(id: string, slots: Readonly<Record<string, number>>, more: Partial<PoolFacts> = {}): PoolFacts {
  const replicas = Object.entries(slots).map(([replica, slotsTotal]) => ({
    id: replica,
    endpoint: { url: `http://${replica}` },
    ready: true,
    draining: false,
    slotsTotal,
    slotsForeign: 0,
  }));
  return { id, source: "api", engine: "mock", models: ["m"], draining: false, replicas, ...more };
}

/** A desk with scripted engines, a clock that is told to move, and a real journal. */
export class Rig {
  readonly clock = new FakeClock();
  readonly engine = new ScriptedEngine();
  readonly pools = new Map<string, PoolFacts>();
  readonly home = mkdtempSync(join(quickFolder(), "orco-desk-"));
  readonly journal: Journal;
  readonly errors: unknown[] = [];
  desk: Desk;
  private count = 0;

  constructor(private readonly options: Partial<DeskOptions["lane"]> = {}) {
    this.journal = Journal.open({ path: join(this.home, "orco.db"), clock: this.clock });
    this.desk = this.build();
  }

  build(): Desk {
    const { clock, journal, engine, pools } = this;
    const now = (): number => clock.monotonic();
    const lane: DeskOptions["lane"] = {
      capacity: 100,
      admission: "reject",
      ageingMs: 30_000,
      policy: "least-loaded",
      breaker: { failures: 5, openMs: 10_000 },
      now,
      ...this.options,
    };
    return new Desk({
      clock,
      journal,
      pools: { list: () => [...pools.values()], get: (id) => pools.get(id) },
      catalog: { look: () => undefined },
      sessions: new Sessions({ clock, ttlMs: 600_000 }),
      adapterOf: () => engine,
      meter: NO_METER,
      spans: { traceparentOf: () => undefined },
      lane,
      timeouts: { firstTokenMs: 120_000, idleTokenMs: 30_000 },
      onDispatch: () => undefined,
      onEnd: () => undefined,
      onRefusal: () => undefined,
      onError: (error) => void this.errors.push(error),
    });
  }

  pool(facts: PoolFacts): void {
    this.pools.set(facts.id, facts);
    this.desk.work.changed(facts.id);
  }

  drop(id: string): void {
    this.pools.delete(id);
    this.desk.work.changed(id);
  }

  request(more: Partial<TaskRequest> = {}): TaskRequest {
    return {
      taskId: `t${++this.count}`,
      workload: "completion",
      model: "m",
      prompt: "p",
      priority: "interactive",
      seed: 1,
      determinism: "best_effort",
      kvHint: "reuse",
      placement: { mode: "auto", preferPools: [], avoidPools: [], allowFallback: true },
      shareKey: "k",
      cancelOnDisconnect: true,
      requestId: "r",
      ...more,
    };
  }

  /** Of a task that was accepted. */
  stream(taskId: string): ScriptedStream {
    const stream = this.engine.streams.findLast(({ request }) => request.taskId === taskId);
    if (!stream) throw new Error(`${taskId} has not begun`);
    return stream;
  }

  async close(): Promise<void> {
    await this.desk.close();
    this.journal.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A rig for each test of a file; one that was told of errors fails its test. */
export function rigOfEach(take: (rig: Rig) => void): void {
  let rig: Rig;
  beforeEach(() => take((rig = new Rig())));
  afterEach(async () => {
    expect(rig.errors).toEqual([]);
    await rig.close();
  });
}
