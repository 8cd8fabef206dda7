import { rmSync } from "node:fs";
import type { Clock } from "../../kernel/clock.ts";
import { errnoOf, messageOf, OrcoError } from "../../kernel/errors.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import type { LogLine } from "../ports.ts";
import { removeEmptyFolder, runFolder } from "../run-folder.ts";
import type { RunLogRecord } from "./line.ts";
import { acceptOf, recordsOf, type RunLogQuery, startOf } from "./query.ts";
import { Scan } from "./scan.ts";
import { segmentsIn } from "./segments.ts";
import { Wake } from "../../supervise/logs/wake.ts";
import { RunLogWriter } from "./writer.ts";

export interface RunLogsOptions {
  readonly home: string;
  readonly clock: Clock;
  /** Followers of such a run end. */
  readonly hasEnded: (run: string) => boolean;
  /** Taken out of every line. */
  readonly secrets?: readonly string[];
  /** A log cannot be written; told once until it can be again. */
  readonly onError: (error: OrcoError) => void;
}

/** A run that is under way. */
interface OpenLog {
  readonly writer: RunLogWriter;
  waiting: LogLine[];
  /** Since the disk is full. */
  dropped: number;
}

/** Logs known at a time: of the longest unused one the end is read again when it is next written. */
const MAX_OPEN = 1024;
/** Lines held until the end of the turn. */
const MAX_WAITING = 4096;

/** The logs of runs, `$ORCO_HOME/runs/<run>/log-*.ndjson`: bounded for each run, and whole after a crash. */
export class RunLogs {
  private readonly open = new Map<string, OpenLog>();
  private readonly followers = new Map<string, Set<Wake>>();
  private readonly redactor: Redactor | undefined;
  private readonly closing = new AbortController();
  private failing = false;

  constructor(private readonly options: RunLogsOptions) {
    const { secrets = [] } = options;
    this.redactor = secrets.length === 0 ? undefined : new Redactor(secrets);
  }

  /** On disk at the end of this turn, together with what else is said in it. Never throws: lines for which there is no room are lost and counted. */
  append(run: string, lines: readonly LogLine[]): void {
    if (lines.length === 0) return;
    const log = this.logOf(run);
    if (!log) return;
    if (log.waiting.length === 0) queueMicrotask(() => this.flush(run, log));
    log.waiting.push(...lines);
    if (log.waiting.length >= MAX_WAITING) this.flush(run, log);
  }

  /** Oldest first. Throws `invalid` for a bad pattern or level at once, before anything is read. */
  read(run: string, query: RunLogQuery): AsyncIterable<RunLogRecord> {
    const accept = acceptOf(query);
    return { [Symbol.asyncIterator]: () => this.records(run, query, accept) };
  }

  /** The run has ended: its followers get the rest. */
  end(run: string): void {
    this.flushNow(run);
    this.open.delete(run);
    this.wake(run);
  }

  /** Its log goes, and the folder of the run where nothing else is left in it. */
  remove(run: string): void {
    const log = this.open.get(run);
    if (log) log.waiting = [];
    this.open.delete(run);
    const folder = runFolder(this.options.home, run);
    for (const { path } of segmentsIn(folder)) rmSync(path, { force: true });
    removeEmptyFolder(folder);
    this.wake(run);
  }

  /** Everything said so far is on disk; followers end. */
  close(): void {
    for (const run of this.open.keys()) this.flushNow(run);
    this.open.clear();
    this.closing.abort();
    for (const run of this.followers.keys()) this.wake(run);
  }

  private async *records(run: string, query: RunLogQuery, accept: ReturnType<typeof acceptOf>): AsyncGenerator<RunLogRecord> {
    const folder = runFolder(this.options.home, run);
    this.flushNow(run);
    const wake = query.follow ? this.follow(run, query.signal) : undefined;
    try {
      const scan = new Scan(folder, await startOf(folder, query, () => this.lastSeq(run)));
      for (let isOver = false; !isOver && !query.signal.aborted;) {
        isOver = !wake || this.closing.signal.aborted || this.options.hasEnded(run);
        yield* recordsOf(scan, query, accept);
        if (!isOver) await wake?.wait();
      }
    } finally {
      if (wake) this.unfollow(run, wake);
    }
  }

  private lastSeq(run: string): number {
    return this.logOf(run)?.writer.lastSeq ?? 0;
  }

  private follow(run: string, signal: AbortSignal): Wake {
    const wake = new Wake(signal);
    const all = this.followers.get(run) ?? new Set();
    this.followers.set(run, all.add(wake));
    return wake;
  }

  private unfollow(run: string, wake: Wake): void {
    wake.close();
    const all = this.followers.get(run);
    all?.delete(wake);
    if (all?.size === 0) this.followers.delete(run);
  }

  private wake(run: string): void {
    for (const follower of this.followers.get(run) ?? []) follower.call();
  }

  private logOf(run: string): OpenLog | undefined {
    const known = this.open.get(run);
    this.open.delete(run);
    try {
      const log = known ?? { writer: new RunLogWriter(runFolder(this.options.home, run), this.redactor), waiting: [], dropped: 0 };
      this.open.set(run, log);
      this.evict();
      return log;
    } catch (error) {
      this.failed(run, error);
      return undefined;
    }
  }

  private evict(): void {
    const [oldest] = this.open;
    if (this.open.size <= MAX_OPEN || !oldest) return;
    this.flush(...oldest);
    this.open.delete(oldest[0]);
  }

  private flushNow(run: string): void {
    const log = this.open.get(run);
    if (log) this.flush(run, log);
  }

  private flush(run: string, log: OpenLog): void {
    if (log.waiting.length === 0) return;
    const lines = log.waiting;
    log.waiting = [];
    // In one write with what follows, or a small note would fit again and again where a line does not.
    const note = log.dropped > 0 ? this.droppedLine(log.dropped) : undefined;
    const lost = this.write(run, log, note ? [note, ...lines] : lines);
    if (!note || !lost.includes(note)) log.dropped = lost.length;
    else log.dropped += lost.length - 1;
    if (log.dropped === 0) this.failing = false;
    this.wake(run);
  }

  /** Those that were lost by it. */
  private write(run: string, { writer }: OpenLog, lines: readonly LogLine[]): readonly LogLine[] {
    const all: LogLine[] = [];
    writer.append(lines, (lost, error) => {
      all.push(...lost);
      this.failed(run, error);
    });
    return all;
  }

  private droppedLine(count: number): LogLine {
    const message = `${count} ${count === 1 ? "line was" : "lines were"} lost: the log could not be written`;
    return { at: this.options.clock.now(), step: "", attempt: 0, source: "orco", level: "warn", message };
  }

  private failed(run: string, error: unknown): void {
    if (this.failing) return;
    this.failing = true;
    const errno = errnoOf(error);
    const code = errno === "ENOSPC" || errno === "EDQUOT" ? "disk_full" : "internal";
    this.options.onError(
      new OrcoError(code, `the log of run ${run} cannot be written: ${messageOf(error)}`, { run, errno }, { cause: error }),
    );
  }
}
