import type { Clock } from "../../kernel/clock.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { messageOf } from "../../kernel/errors.ts";
import { Attachment } from "./attachment.ts";
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
import { type Scratch, type Sink, Stream } from "./stream.ts";
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
  readonly spools: { readonly stdout: string; readonly stderr: string };
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

  constructor(private readonly options: ServiceLogOptions) {
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
    const streams = (["stdout", "stderr"] as const).map((source) =>
      this.streamOf(source, { spool: spools[source], instance, replica, sink }),
    );
    attachment.begin(streams);
    this.attachments.add(attachment);
    for (const stream of streams) pump.add(stream);
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

  private streamOf(source: "stdout" | "stderr", of: { spool: string; instance: string; replica: number; sink: Sink }): Stream {
    const { clock, punch, scratch } = this.options;
    const instance = instanceKey(of.instance);
    const stream = STREAM[source];
    const start = this.writer.cursor(instance, stream) ?? { instance, stream, replica: of.replica, offset: 0, midline: false };
    return new Stream({ start, source, spool: new Spool(of.spool, punch), sink: of.sink, scratch, clock });
  }

  private sinkFor(attachment: Attachment): Sink {
    return {
      redactor: () => this.redactor,
      watched: () => attachment.watched || this.committed.size > 0,
      stalled: () => this.stalled,
      maxBatchBytes: () => Math.min(MAX_BATCH_BYTES, Math.max(MIN_BATCH_BYTES, this.writer.limits.maxFileSizeBytes / 2)),
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

  private context(): { service: string; format: LoggingSpec["format"]; redactor: Redactor | undefined; ts: number; seq: number } {
    const ts = Math.max(Math.trunc(this.options.clock.now()), this.writer.lastTs);
    return { service: this.service, format: this.writer.limits.format, redactor: this.redactor, ts, seq: this.lastSeq + 1 };
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
    this.counts.lines += batch.lines;
    this.tellFollowers();
    return true;
  }

  private writeNotes(): void {
    if (this.isClosed || this.stalled) return;
    this.notes.write((note: Note) => {
      const context = this.context();
      const bytes = this.notes.encode(note, context);
      return this.append({ bytes, lines: 1, ts: context.ts, replica: note.replica });
    });
  }

  private ended(instance: string, replica: number): void {
    // A service that never wrote a line needs no files to say so.
    if (this.writer.segments.length === 0) return;
    const cursor = { instance, stream: STREAM.stdout, replica, offset: 0, midline: false };
    this.append({ bytes: new Uint8Array(0), lines: 0, ts: this.context().ts, cursor, replica, ended: true });
  }

  private detach(attachment: Attachment): void {
    this.attachments.delete(attachment);
    for (const stream of attachment.open) this.options.pump.remove(stream);
  }

  private tellFollowers(): void {
    for (const fn of this.committed) fn();
  }
}
