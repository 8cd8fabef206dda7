import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseContract } from "./contract-schema.ts";
import {
  type AppRow,
  demote,
  discardAside,
  drained,
  inactiveSlot,
  liveRelease,
  occupy,
  previousRelease,
  promote,
  type Release,
  SLOT_NAMES,
  vacate,
} from "./record.ts";

const contract = parseContract({ start_command: "app", port: 3001, internal_port: 3901 }, "");
const empty: AppRow = { name: "blog", repo: "/srv/blog", contract: null, createdAt: 0, updatedAt: 0, slots: {} };

function release(run: number): Release {
  return { run: `run-${run}`, commit: `commit-${run}`, subject: "", contract, byOperator: false };
}

/** What a deploy that goes through leaves behind. */
function deployed(row: AppRow, run: number): AppRow {
  const slot = inactiveSlot(row);
  const swapped = promote(occupy(row, slot, release(run)), slot, { at: run, run: `run-${run}`, by: "deploy" });
  return discardAside(drained(swapped));
}

/** What one that fails before the swap leaves behind. */
function failed(row: AppRow, run: number): AppRow {
  const slot = inactiveSlot(row);
  return vacate(occupy(row, slot, release(run)), slot, `run-${run}`);
}

describe("the row of an app", () => {
  test("two deploys and a rollback", () => {
    const first = deployed(empty, 1);
    expect([first.live, first.previous]).toEqual(["blue", undefined]);
    const second = deployed(first, 2);
    expect([second.live, second.previous, liveRelease(second)?.commit, previousRelease(second)?.commit]).toEqual([
      "green",
      "blue",
      "commit-2",
      "commit-1",
    ]);
    const back = drained(promote(second, "blue", { at: 3, run: "run-3", by: "rollback" }));
    expect([back.live, back.previous, liveRelease(back)?.commit]).toEqual(["blue", "green", "commit-1"]);
  });

  test("during a deploy the rollback target is the one that was set aside", () => {
    const row = deployed(deployed(empty, 1), 2);
    const under = occupy(row, inactiveSlot(row), release(3));
    expect(previousRelease(under)?.commit).toBe("commit-1");
    expect(liveRelease(under)?.commit).toBe("commit-2");
  });

  test("a deploy that fails changes nothing, whatever came before", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("deploy", "fail", "rollback"), { maxLength: 12 }), (history) => {
        const row = history.reduce(step, empty);
        expect(failed(row, 99)).toEqual(row);
      }),
    );
  });

  test("every step may be repeated, and there is one live and at most one previous release", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("deploy", "fail", "rollback"), { maxLength: 12 }), (history) => {
        const row = history.reduce(step, empty);
        if (row.live) expect(row.slots[row.live]).toBeDefined();
        expect(row.previous === undefined || row.previous !== row.live).toBe(true);
        expect(SLOT_NAMES.filter((slot) => row.slots[slot]).length).toBe([row.live, row.previous].filter(Boolean).length);
        const slot = inactiveSlot(row);
        const taken = occupy(row, slot, release(50));
        expect(occupy(taken, slot, release(50))).toBe(taken);
        const swapped = promote(taken, slot, { at: 1, run: "run-50", by: "deploy" });
        expect(promote(swapped, slot, { at: 2, run: "run-50", by: "deploy" })).toBe(swapped);
        expect(vacate(swapped, slot, "run-50")).toBe(swapped);
        const undone = drained(demote(swapped, slot));
        expect(vacate(undone, slot, "run-50")).toEqual(row);
        const back = row.previous && promote(row, row.previous, { at: 99, run: "run-99", by: "rollback" });
        if (back && row.previous) expect(without(drained(demote(back, row.previous)))).toEqual(without(row));
      }),
    );
  });
});

/** A swap that was taken back leaves its mark on the release. */
function without(row: AppRow): unknown {
  return { ...row, slots: Object.fromEntries(Object.entries(row.slots).map(([slot, { promoted: _gone, ...rest }]) => [slot, rest])) };
}

function step(row: AppRow, what: string, at: number): AppRow {
  if (what === "deploy") return deployed(row, at);
  if (what === "fail") return failed(row, at);
  return row.previous ? drained(promote(row, row.previous, { at, run: `run-${at}`, by: "rollback" })) : row;
}
