import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { OrcoError } from "../../src/kernel/errors.ts";
import type { JournalEvent } from "../../src/kernel/event.ts";
import { Journal } from "../../src/kernel/journal.ts";

/** A disk of its own, small enough to fill. */
const DISK_BYTES = 4 * 1024 * 1024;
const FILLER_BYTES = 2 * 1024 * 1024;
/** Far more than fits. */
const MAX_APPENDS = 2000;

class Disk implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "orco-disk-"));
  /** Why it could not be made. */
  readonly problem: string | undefined;

  constructor() {
    const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", this.folder], { stderr: "pipe" });
    const said = mount.stderr.toString().split("\n")[0];
    if (!mount.success) this.problem = `a small tmpfs cannot be mounted here (needs root): ${said}`;
  }

  [Symbol.dispose](): void {
    if (this.problem === undefined) Bun.spawnSync(["umount", this.folder]);
    rmSync(this.folder, { recursive: true });
  }
}

function probe(): string | undefined {
  using disk = new Disk();
  return disk.problem;
}

const missing = probe();

if (missing && process.env["CI"] === "true") {
  test("a full disk", () => {
    throw new Error(missing);
  });
} else if (missing) {
  console.log(`skipped: disk full: ${missing}`);
}

test.skipIf(missing !== undefined)(
  "a full disk: no false acknowledgement, reading goes on, writing goes on when there is space",
  async () => {
    using disk = new Disk();
    const path = join(disk.folder, "orco.db");
    const filler = join(disk.folder, "filler");
    writeFileSync(filler, Buffer.alloc(FILLER_BYTES));
    const logged: string[] = [];
    const open = () => Journal.open({ path, clock: systemClock(), log: (message) => logged.push(message) });
    let journal = open();
    try {
      const acknowledged: JournalEvent[] = [];
      const refusals = await fill(journal, acknowledged);
      expect(acknowledged.length).toBeGreaterThan(10);
      expect(refusals.length).toBeGreaterThan(10);
      for (const refusal of refusals) expect(refusal).toMatchObject({ code: "disk_full", facts: { file: path } });
      expect(journal.read({ limit: MAX_APPENDS })).toEqual(acknowledged);
      expect(logged.filter((line) => line.startsWith("the journal cannot be written"))).toHaveLength(1);

      truncateSync(filler, 0);
      acknowledged.push(...(await journal.append([big()], [{ sql: "INSERT INTO meta (key, value) VALUES ('after', '1')", params: [] }])));
      expect(logged.at(-1)).toBe("journal writes again");
      expect(acknowledged.at(-1)?.seq).toBe(acknowledged.length);
      journal.close();
      journal = open();
      expect(journal.read({ limit: MAX_APPENDS })).toEqual(acknowledged);
      expect(journal.query("SELECT key FROM meta")).toEqual([{ key: "after" }]);
    } finally {
      journal.close();
    }
  },
);

function big() {
  return { topic: "run/1", type: "chaos.event", data: { filler: "x".repeat(4000) } };
}

/** Appends in groups of ten until well after the first refusal. */
async function fill(journal: Journal, acknowledged: JournalEvent[]): Promise<OrcoError[]> {
  const refusals: OrcoError[] = [];
  for (let n = 0; n < MAX_APPENDS && refusals.length < 50; n += 10) {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => journal.append([big()])));
    for (const result of results) {
      if (result.status === "fulfilled") acknowledged.push(...result.value);
      else if (result.reason instanceof OrcoError) refusals.push(result.reason);
      else throw result.reason;
    }
  }
  return refusals;
}
