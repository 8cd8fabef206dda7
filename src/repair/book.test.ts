import { expect, test } from "bun:test";
import { Scratch } from "../kernel/journal-fixture.ts";
import { RepairBook } from "./book.ts";
import type { RepairRecord } from "./record.ts";
import { newRecord } from "./request.ts";
import type { ServiceRef } from "./project.ts";

const profile = { protected: false, roles: [] };
const ref = { project: { name: "shop", workspace: "/srv/shop" }, service: "api", profile } as unknown as ServiceRef;

function rig() {
  const scratch = new Scratch();
  const journal = scratch.open();
  const changed: RepairRecord[] = [];
  const book = new RepairBook({ journal, clock: scratch.clock, onChange: (record) => changed.push(record) });
  const record = (id: string): RepairRecord =>
    newRecord(scratch.clock, {
      id,
      ref,
      kind: "compose",
      instruction: "mend it",
      priority: "normal",
      requestedBy: { id: "me" },
      trigger: "api",
      propose: false,
      dryRun: false,
    });
  return { scratch, journal, book, record, changed };
}

const FINDING = { signature: "python-module-missing:yaml", cause: "", evidence: [], confidence: 1, verdict: "fix", remedy: "" } as const;

test("changes of a record come one after the other, and each sees the one before", async () => {
  const { scratch, journal, book, record, changed } = rig();
  using _ = scratch;
  await book.create(record("a"));
  await Promise.all(
    Array.from({ length: 20 }, () => book.step("a", "analyze", ({ attempt }) => ({ status: "in_progress", attempt: attempt + 1 }))),
  );
  expect(book.get("a").steps.analyze).toMatchObject({ status: "in_progress", attempt: 20 });
  expect(changed).toHaveLength(20);
  const told = journal.read({ topic: "run/a" }).map(({ data }) => data["attempt"]);
  expect(told).toEqual(Array.from({ length: 20 }, (_unused, n) => n + 1));
});

test("the next daemon finds what this one has written", async () => {
  const { scratch, journal, book, record } = rig();
  using _ = scratch;
  await book.create(record("a"));
  await book.change("a", () => ({ patchedAt: 7 }));
  const next = new RepairBook({ journal, clock: scratch.clock, onChange: () => undefined });
  expect(next.get("a")).toEqual(book.get("a"));
  expect(next.unended()).toEqual(["a"]);
});

test("a change that cannot be written changes nothing, and does not hold up the next one", async () => {
  const { scratch, book, record } = rig();
  using _ = scratch;
  await book.create(record("a"));
  const failed = book.change("a", () => {
    throw new Error("no");
  });
  expect(failed).rejects.toThrow("no");
  await book.change("a", () => ({ patchedAt: 1 }));
  expect(book.get("a").patchedAt).toBe(1);
});

test("a fault counts for the breaker once its patch was applied and its run is over", async () => {
  const { scratch, book, record } = rig();
  using _ = scratch;
  for (const id of ["a", "b", "c"]) await book.create(record(id));
  await book.change("a", () => ({ finding: FINDING, patchedAt: 1 }));
  await book.change("b", () => ({ finding: FINDING }));
  await book.change("c", () => ({ finding: FINDING, patchedAt: 1 }));
  await book.end("a", 100);
  await book.end("b", 100);
  const { lane } = record("a");
  expect(book.former(lane, FINDING.signature, 50).map(({ id }) => id)).toEqual(["a"]);
  expect(book.former(lane, FINDING.signature, 100)).toEqual([]);
  expect(book.former("repair/shop/web", FINDING.signature, 0)).toEqual([]);
});

test("a lane rests from the end of what changed something; while that is under way, from now", async () => {
  const { scratch, book, record } = rig();
  using _ = scratch;
  await book.create(record("a"));
  const { lane } = record("a");
  expect(book.lastChange(lane)).toBeUndefined();
  await book.change("a", () => ({ patchedAt: 1 }));
  expect(book.lastChange(lane)).toBe(scratch.clock.now());
  await book.end("a", 5);
  expect(book.lastChange(lane)).toBe(5);
});

test("what ends late changes a run that is over no more, and keeps its lane from nothing", async () => {
  const { scratch, book, record, changed } = rig();
  using _ = scratch;
  await book.create(record("a"));
  const { lane } = record("a");
  await book.change("a", () => ({ patchedAt: 1 }));
  const ended = book.end("a", 5);
  await Promise.all([ended, book.step("a", "build", () => ({ status: "failed" }))]);
  await book.change("a", () => ({ patchedAt: 7 }));
  expect([book.get("a").patchedAt, book.get("a").steps.build.status, changed.length]).toEqual([1, "pending", 1]);
  expect(book.lastChange(lane)).toBe(5);
});

test("a lane does not rest for ever where the end of a run could not be noted", async () => {
  const { scratch, journal, book, record } = rig();
  using _ = scratch;
  await book.create(record("a"));
  const { lane } = record("a");
  await book.change("a", () => ({ patchedAt: 1 }));
  const sql = "INSERT INTO runs (id, kind, lane, status, row, created_at) VALUES ('a', 'repair', ?, 'failed', ?, 1)";
  await journal.append([], [{ sql, params: [lane, JSON.stringify({ id: "a", endedAt: 3 })] }]);
  expect(book.lastChange(lane)).toBe(3);
  const next = new RepairBook({ journal, clock: scratch.clock, onChange: () => undefined });
  expect(next.lastChange(lane)).toBe(3);
});

test("lists go backwards in pages", async () => {
  const { scratch, book, record } = rig();
  using _ = scratch;
  for (const id of ["a", "b", "c"]) await book.create(record(id));
  expect(book.list({ limit: 2 }).map(({ id }) => id)).toEqual(["c", "b"]);
  expect(book.list({ limit: 2, before: "b" }).map(({ id }) => id)).toEqual(["a"]);
  expect(() => book.get("d")).toThrow("there is no repair d");
});
