import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { JournalEvent, NewEvent, ReadQuery, Write } from "../kernel/event.ts";
import { uuidv7 } from "../kernel/id.ts";
import { Journal } from "../kernel/journal.ts";
import { quickFolder } from "../kernel/quick-folder.fake.ts";
import type { Queryable } from "../kernel/rows.ts";
import type { Workflows } from "./define.ts";
import { Runs } from "./execute.ts";
import type { RunRow } from "./run.ts";
import { RunStore } from "./store.ts";

/** The death of a daemon: at its n-th write (from 1), before or after that is on disk. */
export interface Death {
  readonly at: number;
  readonly when: "before" | "after";
}

/** The journal until its daemon dies: what dies throws, and refuses everything after. */
class MortalJournal implements Queryable {
  writes = 0;
  private dead = false;

  constructor(
    private readonly journal: Journal,
    private readonly death: Death | undefined,
    private readonly onDeath: () => void,
  ) {}

  async append(events: readonly NewEvent[], writes: readonly Write[] = []): Promise<JournalEvent[]> {
    if (this.dead) throw dead();
    this.writes += 1;
    if (this.writes !== this.death?.at) return this.journal.append(events, writes);
    this.dead = true;
    this.onDeath();
    if (this.death.when === "after") await this.journal.append(events, writes);
    throw dead();
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

function dead(): OrcoError {
  return new OrcoError("unavailable", "the daemon is dead");
}

export interface Life {
  readonly runs: Runs;
  readonly clock: FakeClock;
  readonly errors: unknown[];
  /** Resolves when this daemon has died. */
  readonly died: Promise<void>;
  /** Writes so far. */
  writes(): number;
}

/** One home with one daemon after the other, on one clock. */
export class Lives implements Disposable {
  readonly home = mkdtempSync(join(quickFolder(), "orco-lives-"));
  readonly clock = new FakeClock();
  private journal: Journal | undefined;
  private runs: Runs | undefined;
  private bury: () => void = () => undefined;

  /** `workflows` are those of one daemon: what `isAlive` denies must have no effect any more. */
  constructor(private readonly workflows: (life: { clock: FakeClock; isAlive: () => boolean }) => Workflows) {}

  /** The next daemon on what the one before has left. */
  next(death?: Death): Life {
    this.end();
    const { clock } = this;
    const journal = Journal.open({ path: join(this.home, "orco.db"), clock });
    const died = Promise.withResolvers<void>();
    const errors: unknown[] = [];
    const alive = { yes: true };
    this.bury = () => (alive.yes = false);
    const mortal = new MortalJournal(journal, death, () => {
      alive.yes = false;
      runs.abandon();
      died.resolve();
    });
    const runs = new Runs({
      store: new RunStore(mortal),
      clock,
      newId: () => uuidv7(clock),
      workflows: this.workflows({ clock, isAlive: () => alive.yes }),
      onError: (error) => errors.push(error),
    });
    this.journal = journal;
    this.runs = runs;
    return { runs, clock, errors, died: died.promise, writes: () => mortal.writes };
  }

  /** Every event of the run, as `type` or `type step`. */
  story(run: string): string[] {
    const events = this.journal?.read({ topic: `run/${run}`, limit: 10_000 }) ?? [];
    return events.map(({ type, data }) => (typeof data["step"] === "string" ? `${type} ${data["step"]}` : type));
  }

  /** Lets time pass until the run has ended (then its row) or the daemon has died; `turn` is called again and again meanwhile. */
  async drive(life: Life, run: string, turn: () => void = () => undefined): Promise<RunRow | undefined> {
    const over: { as?: RunRow | "died" } = {};
    void life.died.then(() => (over.as ??= "died"));
    void life.runs.settled(run).then((row) => (over.as ??= row));
    for (let turns = 0; over.as === undefined; turns++) {
      if (turns > 5000) throw new Error(`run ${run} does not end: ${this.story(run).join(", ")}`);
      turn();
      await this.clock.advance(500);
      await new Promise(setImmediate);
    }
    return over.as === "died" ? undefined : over.as;
  }

  [Symbol.dispose](): void {
    this.end();
    rmSync(this.home, { recursive: true, force: true });
  }

  private end(): void {
    this.bury();
    this.runs?.abandon();
    this.journal?.close();
  }
}

export const REQUEST = { kind: "work", lane: "app/a", input: {}, labels: { app: "a" }, onBusy: "queue" as const };
