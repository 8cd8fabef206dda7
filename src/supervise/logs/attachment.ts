import { instanceKey } from "./entry.ts";
import type { LogRecord } from "./record.ts";
import type { Stream } from "./stream.ts";

/** Most records `last` gives. */
const MAX_LAST = 20;

export interface AttachmentOptions {
  readonly instance: string;
  /** Newest records of this instance on disk, oldest first. */
  readonly recent: (key: string, count: number) => LogRecord[];
  /** All streams are read to their end: says so in the log, so that this is the run `previous` shows. */
  readonly ended: (attachment: Attachment) => void;
  readonly closed: (attachment: Attachment) => void;
  /** A listener threw. */
  readonly failed: (error: unknown) => void;
  /** The streams want to be looked at now. */
  readonly hurry: () => void;
}

/** The logs of one running instance, being read. */
export class Attachment {
  readonly key: string;
  private readonly listeners = new Set<(record: LogRecord) => void>();
  private streams: readonly Stream[] = [];
  private isUrgent = false;
  private recent: LogRecord[] | undefined;
  private ending: Promise<boolean> | undefined;
  private whole = false;
  private finished: (() => void) | undefined;

  constructor(private readonly options: AttachmentOptions) {
    this.key = instanceKey(options.instance);
  }

  /** Calls `fn` with every record from now on, once it is on disk. Returns how to stop that. */
  onRecord(fn: (record: LogRecord) => void): () => void {
    this.listeners.add(fn);
    return () => void this.listeners.delete(fn);
  }

  /** While on, new lines are noticed within about 20 ms even of an instance that has long been silent. */
  urgent(on: boolean): void {
    this.isUrgent = on;
    if (on) this.hurry();
  }

  /** The newest `n` records of this instance (at most 20), oldest first. */
  last(n: number): LogRecord[] {
    this.recent ??= this.options.recent(this.key, MAX_LAST);
    return n <= 0 ? [] : this.recent.slice(-n);
  }

  /** The instance has ended: reads what is there to its end, a last line without line break too. Resolves with false when `close` comes first. */
  finish(): Promise<boolean> {
    this.ending ??= new Promise((resolve) => {
      this.finished = () => resolve(this.whole);
      let open = this.streams.length;
      if (open === 0) return this.finished();
      for (const stream of this.streams) stream.finish(() => --open === 0 && this.end());
      this.options.hurry();
    });
    return this.ending;
  }

  /** Stops reading; another `attach` goes on from here. */
  close(): void {
    for (const stream of this.streams) stream.close();
    if (this.streams.length > 0) this.options.closed(this);
    this.streams = [];
    this.listeners.clear();
    this.finished?.();
  }

  /** For the service log that made it. */
  begin(streams: readonly Stream[]): void {
    this.streams = streams;
  }

  get open(): readonly Stream[] {
    return this.streams;
  }

  get watched(): boolean {
    return this.isUrgent;
  }

  hurry(): void {
    for (const stream of this.streams) stream.hurry();
    this.options.hurry();
  }

  /** Records of this instance are on disk. */
  committed(json: string): void {
    this.recent = undefined;
    if (this.listeners.size === 0) return;
    for (const line of json.trimEnd().split("\n")) this.tell(JSON.parse(line) as LogRecord);
  }

  private tell(record: LogRecord): void {
    for (const listener of this.listeners) {
      try {
        listener(record);
      } catch (error) {
        this.options.failed(error);
      }
    }
  }

  private end(): void {
    this.whole = true;
    this.options.ended(this);
    this.close();
  }
}
