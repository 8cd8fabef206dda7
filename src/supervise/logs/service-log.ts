import type { Clock } from "../../kernel/clock.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { messageOf, type OrcoError } from "../../kernel/errors.ts";
import { Attachment } from "./attachment.ts";
import { Convoy } from "./convoy.ts";
import { instanceKey, STREAM } from "./entry.ts";
import type { Level } from "./level.ts";
import { type Note, Notes } from "./notes.ts";
import type { Pump } from "./pump.ts";
import type { Punch } from "./punch.ts";
import { readRecent } from "./recent.ts";
import type { LoggingSpec } from "./record.ts";
import { Redactor } from "./redact.ts";
import type { Segment } from "./segment.ts";
import { Spool } from "./spool.ts";
import { type Scratch, type Sink, type SinkContext, Stream } from "./stream.ts";
import { Times } from "./times.ts";
import type { Trouble } from "./trouble.ts";
import { type Batch, SegmentWriter } from "./writer.ts";

export interface ServiceLogOptions {
  readonly stack: string;
  readonly service: string;
  readonly dir: string;
  readonly logging: LoggingSpec;
  readonly clock: Clock;
  readonly pump: Pump;
  readonly punch: Punch | undefined;
  readonly scratch: Scratch;
  readonly trouble: Trouble;
}

export interface AttachTo {
  readonly instance: string;
  readonly replica: number;
  /** `timed`: beside each spool stand the times of its lines. */
  readonly spools: { readonly stdout: string; readonly stderr: string; readonly timed?: boolean };
}

const MAX_BATCH_BYTES = 1024 * 1024;
const MIN_BATCH_BYTES = 1024;
/** Values of former revisions are still printed by instances that run; the oldest are forgotten first. */
const MAX_SECRETS = 256;

/** The log of one service: all its replicas and restarts in one sequence. Nothing else writes its files. */
export class ServiceLog {
  /** Records written, and records that readers or a full disk cost, since this daemon started. */
  readonly counts = { lines: 0, dropped: 0 };
  private readonly writer: SegmentWriter;
  private readonly attachments = new Set<Attachment>();
  private readonly committed = new Set<() => void>();
  private readonly secrets = new Set<string>();
  private readonly notes = new Notes();
  private redactor: Redactor | undefined;
  private isClosed = false;
  private readonly convoy: Convoy;

  constructor(private readonly options: ServiceLogOptions) {
    this.convoy = new Convoy(options.pump, () => options.clock.monotonic());
    this.writer = new SegmentWriter(options.dir, options.logging);
  }

  get service(): string {
    return this.options.service;
  }

  get stack(): string {
    return this.options.stack;
  }

  /** seq of the newest record; 0 while there is none. */
  get lastSeq(): number {
    return this.writer.lastSeq;
  }

  /** Oldest first. */
  get segments(): readonly Segment[] {
    return this.writer.segments;
  }

  get closed(): boolean {
    return this.isClosed;
  }

  /** Why it cannot be written. */
  failure(): OrcoError | undefined {
    return this.options.trouble.failure();
  }

  configure(logging: LoggingSpec, secrets: readonly string[]): void {
    this.writer.limits = logging;
    const before = this.secrets.size;
    for (const secret of secrets) this.secrets.add(secret);
    if (this.secrets.size === before) return;
    for (const oldest of this.secrets) if (this.secrets.size > MAX_SECRETS) this.secrets.delete(oldest);
    this.redactor = new Redactor(this.secrets);
  }

  /** Begins to read an instance's spools where the last checkpoint of that instance stands; one that is being read already is handed out again. */
  attach({ instance, replica, spools }: AttachTo): Attachment {
    const { pump, trouble } = this.options;
    const key = instanceKey(instance);
    for (const known of this.attachments) if (known.key === key) return known;
    const attachment = new Attachment({
      instance,
      recent: (key, count) => readRecent(this.segments, key, count),
      ended: (which) => this.ended(which.key, replica),
      closed: (which) => this.detach(which),
      failed: (error) => trouble.tell(`a listener failed: ${messageOf(error)}`, error),
      hurry: () => pump.hurry(),
    });
    const sink = this.sinkFor(attachment);
    const timed = spools.timed === true;
    const streams = (["stdout", "stderr"] as const).map((source) =>
      this.streamOf(source, { spool: spools[source], timed, instance, replica, sink }),
    );
    attachment.begin(streams);
    this.attachments.add(attachment);
    for (const stream of streams) (timed ? this.convoy : pump).add(stream);
    return attachment;
  }

  /** A line of orco's own. Kept in memory, within bounds, while the log cannot be written. */
  note(note: { level: Level; message: string; replica: number; meta?: JsonObject }): void {
    this.notes.add(note, this.counts);
    this.writeNotes();
  }

  /** Calls `fn` after records became readable or segments went away; meanwhile the streams are read promptly. */
  follow(fn: () => void): () => void {
    this.committed.add(fn);
    for (const attachment of this.attachments) attachment.hurry();
    return () => void this.committed.delete(fn);
  }

  /** Once a second: removes what is too old, writes notes that wait. */
  sweep(now: number): void {
    if (this.writer.sweep(now)) this.tellFollowers();
    this.writeNotes();
  }

  /** The instances read at this moment, as keys. */
  attached(): Set<string> {
    return new Set([...this.attachments].map((attachment) => attachment.key));
  }

  close(): void {
    this.isClosed = true;
    for (const attachment of this.attachments) attachment.close();
    this.writer.close();
    this.tellFollowers();
  }

  private streamOf(
    source: "stdout" | "stderr",
    of: { spool: string; timed: boolean; instance: string; replica: number; sink: Sink },
  ): Stream {
    const { clock, punch, scratch } = this.options;
    const instance = instanceKey(of.instance);
    const stream = STREAM[source];
    const start = this.writer.cursor(instance, stream) ?? { instance, stream, replica: of.replica, offset: 0, midline: false };
    const times = of.timed ? new Times(of.spool, punch) : undefined;
    return new Stream({ start, source, spool: new Spool(of.spool, punch), sink: of.sink, scratch, clock, ...(times && { times }) });
  }

  private sinkFor(attachment: Attachment): Sink {
    return {
      redactor: () => this.redactor,
      watched: () => attachment.watched || this.committed.size > 0,
      stalled: () => this.stalled,
      maxBatch: () => ({
        bytes: Math.min(MAX_BATCH_BYTES, Math.max(MIN_BATCH_BYTES, this.writer.limits.maxFileSizeBytes / 2)),
        ms: (this.writer.limits.maxAgeMs ?? Number.POSITIVE_INFINITY) / 4,
      }),
      context: () => this.context(),
      append: (batch, json) => {
        const ok = this.append(batch);
        if (ok) attachment.committed(json);
        return ok;
      },
      failed: (what) => this.options.trouble.tell(what),
    };
  }

  private get stalled(): boolean {
    return this.options.trouble.stalled(this.options.clock.monotonic());
  }

  private context(): SinkContext {
    const floor = this.writer.lastTs;
    const ts = Math.max(Math.trunc(this.options.clock.now()), floor);
    return { service: this.service, format: this.writer.limits.format, redactor: this.redactor, ts, floor, seq: this.lastSeq + 1 };
  }

  private append(batch: Batch): boolean {
    const { trouble, clock } = this.options;
    if (this.isClosed || this.stalled) return false;
    try {
      this.writer.append(batch);
    } catch (error) {
      trouble.writeFailed(error, clock.monotonic());
      return false;
    }
    trouble.written();
    for (const { lines } of batch.parts) this.counts.lines += lines;
    this.tellFollowers();
    return true;
  }

  private writeNotes(): void {
    if (this.isClosed || this.stalled) return;
    this.notes.write((note: Note) => {
      const context = this.context();
      const bytes = this.notes.encode(note, context);
      return this.append({ bytes, replica: note.replica, parts: [{ size: bytes.length, lines: 1, ts: context.ts }] });
    });
  }

  private ended(instance: string, replica: number): void {
    // A service that never wrote a line needs no files to say so.
    if (this.writer.segments.length === 0) return;
    const cursor = { instance, stream: STREAM.stdout, replica, offset: 0, midline: false };
    this.append({ bytes: new Uint8Array(0), replica, parts: [{ size: 0, lines: 0, ts: this.writer.lastTs, cursor, ended: true }] });
  }

  private detach(attachment: Attachment): void {
    this.attachments.delete(attachment);
    for (const stream of attachment.open) {
      this.options.pump.remove(stream);
      this.convoy.remove(stream);
    }
  }

  private tellFollowers(): void {
    for (const fn of this.committed) fn();
  }
}
