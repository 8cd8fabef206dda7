import { expect, test } from "bun:test";
import { Scratch } from "../kernel/journal-fixture.ts";
import { RepairBook } from "./book.ts";
import { listed } from "./listing.ts";
import type { RepairRecord } from "./record.ts";
import type { RepairQuery } from "./service.ts";
import { type RunFacts, statusOf } from "./status.ts";
import type { RunSummary } from "./view.ts";

interface One {
  readonly service?: string;
  readonly status?: RunFacts["status"];
  readonly record?: Partial<RepairRecord>;
  /** Nobody has noted its end. */
  readonly isOpen?: boolean;
}

/** Repairs, the oldest first, with the runs they are of. */
async function shelf(ones: readonly One[]) {
  const scratch = new Scratch();
  const journal = scratch.open();
  const ids = ones.map((_, n) => String(n).padStart(8, "0"));
  const writes = ones.flatMap(({ service = "api", status = "completed", record = {}, isOpen = false }, n) => {
    const id = ids[n] ?? "";
    const row = JSON.stringify({ id, project: "shop", service, approval: { status: "not_required" }, ...record });
    return [
      {
        sql: "INSERT INTO repairs (run, lane, ended_at, row) VALUES (?, ?, ?, ?)",
        params: [id, `repair/shop/${service}`, isOpen ? null : 1, row],
      },
      { sql: "INSERT INTO runs (id, kind, lane, status, row, created_at) VALUES (?, 'repair', '', ?, '{}', 0)", params: [id, status] },
    ];
  });
  for (let at = 0; at < writes.length; at += 2000) await journal.append([], writes.slice(at, at + 2000));
  const book = new RepairBook({ journal, clock: scratch.clock, onChange: () => undefined });
  const read: string[] = [];
  const summary = (record: RepairRecord): RunSummary => {
    read.push(record.id);
    const { status = "completed" } = ones[Number(record.id)] ?? {};
    return { run_id: record.id, status: statusOf({ status }, record) } as RunSummary;
  };
  const list = (query: Partial<RepairQuery>) => listed({ book, summary }, { limit: 50, ...query });
  /** Page after page. */
  const all = (query: Partial<RepairQuery>): string[] => {
    const found: string[] = [];
    for (let before: string | undefined, more = true; more;) {
      const page = list({ ...query, ...(before !== undefined && { before }) });
      found.push(...page.runs.map(({ run_id: id }) => id));
      more = page.before !== undefined;
      before = page.before;
    }
    return found;
  };
  return { scratch, list, all, read, ids };
}

const MANY = 25_000;

test("the only match is found, however many came after it, and the others are not read", async () => {
  const rest = Array.from({ length: MANY }, (): One => ({}));
  const { scratch, list, read } = await shelf([{ service: "rare" }, { status: "cancelled" }, ...rest]);
  using _ = scratch;
  expect(list({ service: "rare" })).toMatchObject({ runs: [{ run_id: "00000000" }] });
  expect(list({ service: "shop/rare" }).runs).toHaveLength(1);
  expect(list({ status: "canceled" })).toMatchObject({ runs: [{ run_id: "00000001", status: "canceled" }] });
  expect(list({ service: "are" })).toEqual({ runs: [] });
  expect(read).toHaveLength(3);
});

test("where only records tell, a page reads so many of them, and says where the next begins", async () => {
  const rest = Array.from({ length: MANY }, (): One => ({ status: "failed" }));
  const { scratch, list, all, read } = await shelf([{ status: "failed", record: { patchedAt: 1, rollback: "done" } }, ...rest]);
  using _ = scratch;
  const first = list({ status: "rolled_back" });
  expect(first).toEqual({ runs: [], before: String(MANY + 1 - 10_000).padStart(8, "0") });
  expect(read).toHaveLength(10_000);
  expect(all({ status: "rolled_back" })).toEqual(["00000000"]);
});

test("pages hold each once, and the last says that it is", async () => {
  const statuses = ["queued", "running", "completed", "failed", "cancelled"] as const;
  const ones = Array.from({ length: 450 }, (_unused, n): One => ({
    service: n % 3 === 0 ? "db" : "api",
    status: statuses[n % 5] ?? "failed",
  }));
  const { scratch, list, all, ids } = await shelf(ones);
  using _ = scratch;
  for (const limit of [1, 7, 200, 500]) {
    expect(all({ limit })).toEqual(ids.toReversed());
    expect(all({ limit, status: "succeeded", service: "db" })).toEqual(ids.filter((_id, n) => n % 3 === 0 && n % 5 === 2).toReversed());
  }
  expect(list({ limit: 450 }).before).toBeUndefined();
});

test("one whose end is not noted is looked at whatever its row says: memory may know more", async () => {
  const { scratch, list } = await shelf([{ status: "running", isOpen: true }]);
  using _ = scratch;
  expect(list({ status: "running" }).runs).toHaveLength(1);
  expect(list({ status: "succeeded" }).runs).toEqual([]);
});
