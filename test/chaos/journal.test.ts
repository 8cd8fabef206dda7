import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { Journal } from "../../src/kernel/journal.ts";

const CYCLES = Number(process.env["ORCO_CHAOS_CYCLES"] ?? 25);
const CYCLE_BUDGET_MS = 3000;
/** Per cycle, at random: enough that some kills meet a checkpoint of the write-ahead log. */
const MAX_ACKNOWLEDGED = 2000;

interface Acknowledged {
  readonly seq: number;
  readonly topic: string;
  readonly topicSeq: number;
  readonly id: string;
}

test(
  `kill -9 in mid-append, ${CYCLES} times: nothing acknowledged is lost, no number is skipped`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "orco-chaos-"));
    const path = join(folder, "orco.db");
    const history = new History();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const acknowledged = await writeAndKill(path, 1 + Math.floor(Math.random() * MAX_ACKNOWLEDGED));
      expect(acknowledged.length).toBeGreaterThan(0);
      history.check(path, acknowledged);
    }
    console.log(`${CYCLES} kills, ${history.acknowledged} events acknowledged, ${history.head} on disk`);
    rmSync(folder, { recursive: true });
  },
  CYCLES * CYCLE_BUDGET_MS,
);

/** Kills a writer once it has acknowledged `count` events; everything it got to print counts. */
async function writeAndKill(path: string, count: number): Promise<Acknowledged[]> {
  const writer = Bun.spawn([process.execPath, join(import.meta.dir, "journal-writer.ts"), path], { stdout: "pipe", stderr: "inherit" });
  const decoder = new TextDecoder();
  let text = "";
  let lines = 0;
  for await (const chunk of writer.stdout) {
    const part = decoder.decode(chunk, { stream: true });
    text += part;
    lines += part.split("\n").length - 1;
    if (lines >= count) writer.kill("SIGKILL");
  }
  await writer.exited;
  expect(writer.signalCode).toBe("SIGKILL");
  return text.split("\n").slice(0, -1).map(parse);
}

function parse(line: string): Acknowledged {
  const [seq, topic = "", topicSeq, id = ""] = line.split(" ");
  return { seq: Number(seq), topic, topicSeq: Number(topicSeq), id };
}

/** Follows the journal from cycle to cycle: what was checked once is counted on, the rest is read again. */
class History {
  head = 0;
  acknowledged = 0;
  private readonly topics = new Map<string, number>();

  check(path: string, acknowledged: readonly Acknowledged[]): void {
    const journal = Journal.open({ path, clock: systemClock() });
    try {
      expect(journal.query("SELECT quick_check FROM pragma_quick_check")).toEqual([{ quick_check: "ok" }]);
      const found = this.readNew(journal);
      for (const one of acknowledged) expect(found.get(one.id)).toEqual(one);
      expect(journal.query("SELECT count(*) AS n FROM meta")).toEqual([{ n: this.head }]);
      this.acknowledged += acknowledged.length;
    } finally {
      journal.close();
    }
  }

  private readNew(journal: Journal): Map<string, Acknowledged> {
    const found = new Map<string, Acknowledged>();
    for (const { seq, topic, topicSeq, data } of journal.read({ after: this.head, limit: Number.MAX_SAFE_INTEGER })) {
      const id = JSON.stringify(data["id"]).slice(1, -1);
      expect([seq, topicSeq]).toEqual([this.head + 1, (this.topics.get(topic) ?? 0) + 1]);
      expect(found.has(id)).toBe(false);
      this.head = seq;
      this.topics.set(topic, topicSeq);
      found.set(id, { seq, topic, topicSeq, id });
    }
    return found;
  }
}
