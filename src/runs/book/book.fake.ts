import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { JournalEvent, NewEvent, ReadQuery, Write } from "../../kernel/event.ts";
import { uuidv7 } from "../../kernel/id.ts";
import { Journal } from "../../kernel/journal.ts";
import { quickFolder } from "../../kernel/quick-folder.fake.ts";
import type { Queryable } from "../../kernel/rows.ts";
import { Book } from "../book.ts";
import type { Plan, PlanStep } from "../plan.ts";
import type { RunMode, RunRecord } from "../record.ts";
import type { RunRequest } from "../request.ts";
import type { BookOptions } from "./options.ts";

/** The death of a daemon: at its n-th write (from 1), before or after that is on disk. */
export interface Death {
  readonly at: number;
  readonly when: "before" | "after";
}

/** The journal until its daemon dies; or, with `full`, of a disk that refuses for a while. */
export class MortalJournal implements Queryable {
  writes = 0;
  full = false;
  dead = false;

  constructor(
    private readonly journal: Journal,
    private readonly death?: Death,
  ) {}

  async append(events: readonly NewEvent[], writes: readonly Write[] = []): Promise<JournalEvent[]> {
    if (this.dead) throw new OrcoError("unavailable", "the daemon is dead");
    if (this.full) throw new OrcoError("disk_full", "the disk is full");
    this.writes += 1;
    if (this.writes !== this.death?.at) return this.journal.append(events, writes);
    this.dead = true;
    if (this.death.when === "after") await this.journal.append(events, writes);
    throw new OrcoError("unavailable", "the daemon is dead");
  }

  read(query: ReadQuery): JournalEvent[] {
    return this.journal.read(query);
  }

  follow(query: ReadQuery & { signal?: AbortSignal }): AsyncIterable<JournalEvent> {
    return this.journal.follow(query);
  }

  query(sql: string, params?: readonly (string | number | null)[]): unknown[] {
    return this.journal.query(sql, params);
  }
}

export interface Life {
  readonly book: Book;
  readonly journal: MortalJournal;
  readonly errors: unknown[];
  /** Runs that this daemon was told to drive. */
  readonly driven: RunRecord[];
  readonly ended: RunRecord[];
  /** `dispatch <id8> <n>` and `withdraw <id8>`. */
  readonly redis: { readonly run: string; readonly dispatch: number }[];
  readonly withdrawn: string[];
}

export const LEASE_MS = 30_000;

/** One home with one daemon after the other, on one clock. */
export class Lives implements Disposable {
  readonly home = mkdtempSync(join(quickFolder(), "orco-book-"));
  readonly clock = new FakeClock();
  private disk: Journal | undefined;
  private life: Life | undefined;

  constructor(private readonly options: Partial<BookOptions> = {}) {}

  next(death?: Death): Life {
    this.end();
    const { clock } = this;
    this.disk = Journal.open({ path: join(this.home, "orco.db"), clock });
    const journal = new MortalJournal(this.disk, death);
    const told = { errors: [] as unknown[], driven: [] as RunRecord[], ended: [] as RunRecord[], withdrawn: [] as string[] };
    const redis: { run: string; dispatch: number }[] = [];
    const book = new Book({
      journal,
      clock,
      newId: () => uuidv7(clock),
      onError: (error) => told.errors.push(error),
      leaseMs: LEASE_MS,
      maxRuns: 100,
      tokenSecret: "a secret",
      checks: { parsePlan: (plan) => plan as Plan, webhookUrl: (url) => url, isSet: () => true },
      dispatchers: {
        redis: {
          assertAvailable: () => undefined,
          dispatch: ({ id, dispatch }) => redis.push({ run: id, dispatch }),
          withdraw: ({ id }) => told.withdrawn.push(id),
        },
      },
      onDrive: (run) => told.driven.push(run),
      onEnd: (run) => told.ended.push(run),
      onLog: () => undefined,
      ...this.options,
    });
    this.life = { book, journal, redis, ...told };
    book.start();
    return this.life;
  }

  get journal(): Journal {
    if (!this.disk) throw new Error("no life yet");
    return this.disk;
  }

  /** Events of the run, as `type` or `type step`. */
  story(run: string): string[] {
    const events = this.journal.read({ topic: `run/${run}`, limit: 100_000 });
    return events.map(({ type, data }) => (typeof data["step"] === "string" && type !== "checkpoint" ? `${type} ${data["step"]}` : type));
  }

  /** Lets time pass, and what it starts be written. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await settled();
  }

  [Symbol.dispose](): void {
    this.end();
    rmSync(this.home, { recursive: true, force: true });
  }

  private end(): void {
    this.life?.book.close();
    if (this.life) this.life.journal.dead = true;
    this.disk?.close();
  }
}

/** Everything that is under way is on disk, and what follows from it too. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate);
}

export function step(id: string, more: Partial<PlanStep> = {}): PlanStep {
  const backoff = { min_ms: 100, max_ms: 1000, factor: 2 };
  return { id, needs: [], when: "success", command: ["true"], env: {}, grace_ms: 5000, retry: { max: 0, backoff }, ...more };
}

export function planOf(...steps: PlanStep[]): RunRequest {
  return { plan: { steps } };
}

export function how(mode: RunMode = "local"): { mode: RunMode; owner: string } {
  return { mode, owner: "tests" };
}
