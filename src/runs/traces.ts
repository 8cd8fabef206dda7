import { setImmediate } from "node:timers/promises";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import type { JournalEvent } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import { isSampled } from "../kernel/otel/context.ts";
import { TraceExporter } from "../kernel/otel/export.ts";
import type { SpanData } from "../kernel/otel/span.ts";
import type { RunRecord } from "./record.ts";
import { ownTraceparent, runTrace } from "./trace-context.ts";
import { RunSpans, type TracedRun } from "./trace-spans.ts";

/** Spans that wait at most; then the journal is not read on. */
const BATCH = 512;
/** Events read before others get a turn. */
const STRIDE = 500;
/** What is older is not exported: nobody traced for a while. */
const MAX_BACKLOG = 100_000;
const FLUSH_MS = 1000;
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
/** How long a collector that does not answer holds up the end of the daemon. */
const LEAVE_MS = 1000;
const CURSOR = "traces.cursor";

export interface RunTracesPorts {
  readonly journal: Pick<Journal, "query" | "append" | "follow" | "head">;
  readonly clock: Clock;
  /** OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly onError: (error: unknown) => void;
}

/**
 * Exports the spans of runs. It follows the journal, and keeps in it how far it has come: what a daemon did not live to export the next one does, and what
 * a collector does not take is read again later. Ids follow from run, step and attempt, so that a span sent twice is the same span.
 */
export class RunTraces {
  private readonly leaving = new AbortController();
  private readonly runs = new Map<string, RunSpans | undefined>();
  private buffer: SpanData[] = [];
  /** Global seq of the last event that was looked at. */
  private seen = 0;
  private cancelFlush: CancelTimer = () => undefined;
  private sending: Promise<void> | undefined;
  private exporter: TraceExporter | undefined;
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly ports: RunTracesPorts) {}

  /** TRACEPARENT of an execution of a step. */
  stepContext(run: Pick<RunRecord, "id" | "traceparent">, step: string, attempt: number): string {
    return ownTraceparent(run, step, attempt);
  }

  start(): void {
    this.done = this.follow().catch(this.ports.onError);
  }

  /** Sends what is there, for a second at most. */
  async close(): Promise<void> {
    this.leaving.abort();
    this.cancelFlush();
    const bound = this.ports.clock.sleep(LEAVE_MS);
    await Promise.race([this.finish(), bound]);
    // It waits for what is being sent.
    await Promise.race([this.exporter?.shutdown().catch(this.ports.onError), bound]);
  }

  private async finish(): Promise<void> {
    await this.done;
    await this.flush();
  }

  private async follow(): Promise<void> {
    const { journal, endpoint } = this.ports;
    const { signal } = this.leaving;
    await this.begin();
    this.exporter = await TraceExporter.load(endpoint, "orco.runs");
    let stride = 0;
    for await (const event of journal.follow({ topic: "run/*", after: this.seen, signal })) {
      const spans = this.take(event);
      this.seen = event.seq;
      if (spans.length > 0 && this.buffer.length === 0) this.flushSoon();
      this.buffer.push(...spans);
      if (this.buffer.length >= BATCH) await this.flush();
      else if (++stride % STRIDE === 0) await setImmediate();
    }
  }

  private async begin(): Promise<void> {
    const { journal } = this.ports;
    const head = journal.head();
    const [kept] = journal.query<{ value: string }>("SELECT value FROM meta WHERE key = ?", [CURSOR]);
    this.seen = kept ? Math.max(Number(kept.value), head - MAX_BACKLOG) : head;
    if (!kept) await this.keep(head);
  }

  private take(event: JournalEvent): SpanData[] {
    const { type, topic } = event;
    if (!type.startsWith("step.") && !type.startsWith("run.")) return [];
    const id = topic.slice("run/".length);
    const isEnd = /^run\.(completed|failed|cancell?ed)$/.test(type);
    // Runs that only wait take no memory.
    if (!isEnd && !type.startsWith("step.")) return [];
    if (!this.runs.has(id)) this.runs.set(id, this.spansOf(id, event));
    const spans = this.runs.get(id)?.take(event) ?? [];
    if (isEnd) this.runs.delete(id);
    return spans;
  }

  /** As the events before `event` have left it; undefined when it is not sampled. */
  private spansOf(id: string, { topic, topicSeq }: JournalEvent): RunSpans | undefined {
    const { journal } = this.ports;
    const [found] = journal.query<{ kind: string; row: string; at: number }>("SELECT kind, row, created_at AS at FROM runs WHERE id = ?", [
      id,
    ]);
    if (!found) return undefined;
    const row = JSON.parse(found.row) as Partial<RunRecord>;
    const { traceparent } = row;
    const trace = runTrace({ id, ...(traceparent !== undefined && { traceparent }) });
    if (!isSampled(trace)) return undefined;
    const run: TracedRun = { id, trace, kind: found.kind, name: row.name ?? found.kind, mode: row.mode ?? "local", createdAt: found.at };
    const spans = new RunSpans(run);
    const sql = `SELECT type, ts, data ->> '$.step' AS step, data ->> '$.attempt' AS attempt FROM events
      WHERE topic = ? AND topic_seq < ? AND type LIKE 'step.%' ORDER BY topic_seq`;
    const before = journal.query<{ type: string; ts: number; step: string | null; attempt: number | null }>(sql, [topic, topicSeq]);
    for (const { type, ts, step, attempt } of before) spans.take({ type, ts, data: { step, ...(attempt !== null && { attempt }) } });
    return spans;
  }

  private flushSoon(): void {
    this.cancelFlush = this.ports.clock.after(FLUSH_MS, () => void this.flush());
  }

  private flush(): Promise<void> {
    this.cancelFlush();
    this.sending ??= this.drain()
      .catch(this.ports.onError)
      .finally(() => {
        this.sending = undefined;
        if (this.buffer.length > 0 && !this.leaving.signal.aborted) this.flushSoon();
      });
    return this.sending;
  }

  private async drain(): Promise<void> {
    while (this.buffer.length > 0) {
      const spans = this.buffer.splice(0);
      const upTo = this.seen;
      if (!(await this.send(spans))) return;
      await this.keep(upTo);
    }
  }

  /** Until the collector has taken it, or never will; false when the daemon leaves before. */
  private async send(spans: readonly SpanData[]): Promise<boolean> {
    const { clock, onError } = this.ports;
    for (let pauseMs = MIN_PAUSE_MS, told = false; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      const result = await this.exporter?.export(spans);
      if (!result || result.ok) return true;
      if (!told) onError(result.error);
      told = true;
      if (result.refused) return true;
      if (this.leaving.signal.aborted) return false;
      await clock.sleep(pauseMs, this.leaving.signal).catch(() => undefined);
    }
  }

  private async keep(seq: number): Promise<void> {
    const sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    await this.ports.journal.append([], [{ sql, params: [CURSOR, String(seq)] }]);
  }
}
