import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FakeClock } from "./clock.ts";
import { OrcoError } from "./errors.ts";
import type { JournalEvent, NewEvent } from "./event.ts";
import { Journal, type JournalOptions } from "./journal.ts";
import { quickFolder } from "./quick-folder.fake.ts";

/** A journal in a folder of its own, for tests. */
export class Scratch implements Disposable {
  readonly folder = mkdtempSync(join(quickFolder(), "orco-journal-"));
  readonly path = join(this.folder, "orco.db");
  readonly clock = new FakeClock();
  private readonly opened: Journal[] = [];

  open(options: Partial<JournalOptions> = {}): Journal {
    const journal = Journal.open({ path: this.path, clock: this.clock, ...options });
    this.opened.push(journal);
    return journal;
  }

  [Symbol.dispose](): void {
    for (const journal of this.opened) journal.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function event(topic: string, n = 0): NewEvent {
  return { topic, type: "test.event", data: { n } };
}

export function seqs(events: readonly JournalEvent[]): number[] {
  return events.map(({ seq }) => seq);
}

/** The next `count` events of a follower. */
export async function take(follower: AsyncIterator<JournalEvent>, count: number): Promise<JournalEvent[]> {
  const taken: JournalEvent[] = [];
  while (taken.length < count) {
    const { value, done } = await follower.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

export async function refused(run: () => unknown): Promise<OrcoError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof OrcoError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
