import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import type { Runs } from "../workflow/execute.ts";
import { lapsed } from "./approval/lapsed.ts";
import type { RepairBook } from "./book.ts";
import { removeFolderOrTell } from "./folder.ts";
import type { RepairHost } from "./host.ts";
import { type RepairRecord, STEP_NAMES } from "./record.ts";
import { statusOf } from "./status.ts";

/** What the disk had no room for is written as soon as it has. */
const AGAIN_MS = 5000;

interface EndsParts {
  readonly book: RepairBook;
  readonly host: RepairHost;
  readonly clock: Clock;
  readonly runs: () => Runs;
  /** The record says all; its end is not noted yet. */
  readonly onEnding: (record: RepairRecord) => void;
  readonly onEnd: (id: string) => void;
}

/** Notes the ends of repairs whose runs have ended. What cannot be written is tried again: until then the service would count as being repaired. */
export class RepairEnds {
  private readonly ending = new Map<string, Promise<void>>();
  /** Records of refused runs that could not be removed yet. */
  private readonly leftovers = new Set<string>();

  constructor(private readonly parts: EndsParts) {}

  watch(id: string): void {
    void this.parts
      .runs()
      .settled(id)
      .then(() => this.overAtLast(id))
      .catch(this.parts.host.onError);
  }

  /** Its run has ended. Rejects where that cannot be noted now. */
  over(id: string): Promise<void> {
    const ending = this.ending.get(id) ?? this.close(id).finally(() => this.ending.delete(id));
    this.ending.set(id, ending);
    return ending;
  }

  /** Resolves when it is noted, or the daemon leaves. */
  overAtLast(id: string): Promise<void> {
    return this.atLast(() => this.over(id));
  }

  /** A record whose run was refused goes, at once or later; not any more once it is asked for again. */
  async unmade(id: string): Promise<void> {
    this.leftovers.add(id);
    const remove = async (): Promise<void> => {
      if (!this.leftovers.has(id)) return;
      await this.parts.book.remove([id]);
      this.leftovers.delete(id);
    };
    await remove().catch(() => void this.atLast(remove));
  }

  wanted(id: string): void {
    this.leftovers.delete(id);
  }

  private async close(id: string): Promise<void> {
    const { book, clock, host, runs } = this.parts;
    const run = runs().get(id);
    if (host.isLeaving() || !book.unended().includes(id)) return;
    const left = STEP_NAMES.filter((name) => ["pending", "in_progress"].includes(book.get(id).steps[name].status));
    for (const name of left)
      await book.step(id, name, ({ status }) =>
        status === "pending"
          ? { status: "skipped", message: "not come to" }
          : { status: "failed", message: "cut off", completedAt: clock.now() },
      );
    // One that never began, or whose daemon died before it could say so: nobody is asked any more.
    const unasked = ({ approval }: RepairRecord): Partial<RepairRecord> | undefined =>
      approval.status === "awaiting" ? { approval: { ...approval, ...lapsed(approval, run.error ?? { code: "internal" }) } } : undefined;
    await book.change(id, unasked);
    this.parts.onEnding(book.get(id));
    // What a rollback has left alone lies there for a person to look at; what cannot be removed goes with the run's artifacts, when it can.
    if (statusOf(run, book.get(id)) !== "rollback_failed") removeFolderOrTell(join(host.folder, id), host.onError);
    await book.end(id, run.endedAt ?? clock.now());
    this.parts.onEnd(id);
  }

  /** Again and again, until it is done or the daemon leaves: the next one begins with it. */
  private async atLast(act: () => Promise<void>): Promise<void> {
    const { clock, host } = this.parts;
    for (let isTold = false; !host.isLeaving(); isTold = true) {
      try {
        return await act();
      } catch (error) {
        if (!isTold) host.onError(error);
      }
      await clock.sleep(AGAIN_MS);
    }
  }
}
