import type { Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import type { Journal } from "../kernel/journal.ts";

const TICK_MS = 60_000;
const TRIM_EVERY_TICKS = 60;
/** The journal is a memory, not an archive: what is older than this goes, beyond the newest of each topic. */
const KEEP_MS = 30 * 86_400_000;
const KEEP_PER_TOPIC = 10_000;
/** Runs forgotten in one transaction. */
const BATCH = 50;
/** However young: a crash loop must not fill the disk. */
const MOST_PER_TOPIC = 100_000;

interface Tidy {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: (message: string) => void;
  readonly eachMinute: () => void;
}

/** Bounds what grows with time: events, ended runs, the daemon's log. Returns how to stop. */
export function keepTidy({ journal, clock, log, eachMinute }: Tidy): () => void {
  let tick = 0;
  let cancel = clock.after(TICK_MS, turn);
  /** Whatever a full disk refuses is tried again at the next turn. */
  async function turnOver(): Promise<void> {
    if (tick++ % TRIM_EVERY_TICKS === 0) await trim(journal, clock);
    eachMinute();
  }
  function turn(): void {
    cancel = clock.after(TICK_MS, turn);
    turnOver().catch((error: unknown) => log(`retention: ${messageOf(error)}`));
  }
  return () => cancel();
}

async function trim(journal: Journal, clock: Clock): Promise<void> {
  await journal.trim({ olderThanMs: KEEP_MS, keepPerTopic: KEEP_PER_TOPIC });
  await journal.trim({ keepPerTopic: MOST_PER_TOPIC });
  const before = clock.now() - KEEP_MS;
  for (let runs = endedBefore(journal, before); runs.length > 0; runs = endedBefore(journal, before)) await forget(journal, runs);
}

/** Of this engine; runs of plans and repairs are kept as long as is configured, with what they have said (`runs/retention.ts`, `repair/retention.ts`). */
function endedBefore(journal: Journal, before: number): readonly string[] {
  const sql = `SELECT id FROM runs WHERE engine = 'workflow' AND kind <> 'repair' AND status IN ('completed', 'failed', 'cancelled') AND created_at < ?
    ORDER BY created_at, id LIMIT ?`;
  return journal.query<{ id: string }>(sql, [before, BATCH]).map(({ id }) => id);
}

/** Events first: a daemon that dies in between finds the rows again. */
async function forget(journal: Journal, runs: readonly string[]): Promise<void> {
  for (const run of runs) await journal.trim({ topicPrefix: `run/${run}`, keepPerTopic: 0 });
  const writes = runs.flatMap((run) => [
    { sql: "DELETE FROM run_steps WHERE run = ?", params: [run] },
    { sql: "DELETE FROM runs WHERE id = ?", params: [run] },
  ]);
  await journal.append([], writes);
}
