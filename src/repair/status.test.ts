import { expect, test } from "bun:test";
import type { ApprovalRecord, RepairRecord } from "./record.ts";
import { isOver, type RunFacts, runStatusesOf, statusOf } from "./status.ts";

const APPROVAL: ApprovalRecord = { status: "not_required", reasons: [], roles: [] };
const AWAITING: ApprovalRecord = { ...APPROVAL, status: "awaiting", asked: true };
const FORESEEN: ApprovalRecord = { ...APPROVAL, status: "awaiting" };
const UNWINDING = { by: "fail" as const, error: { code: "build_failed", message: "" } };

const rows: readonly [string, RunFacts, Partial<RepairRecord>][] = [
  ["queued", { status: "queued" }, {}],
  ["running", { status: "running" }, {}],
  ["awaiting_approval", { status: "running" }, { approval: AWAITING }],
  ["running", { status: "running" }, { approval: FORESEEN }],
  ["running", { status: "running", unwinding: UNWINDING }, { approval: AWAITING }],
  ["running", { status: "running", cancelling: UNWINDING.error }, { approval: AWAITING }],
  ["succeeded", { status: "completed" }, { patchedAt: 1 }],
  ["canceled", { status: "cancelled" }, {}],
  ["canceled", { status: "cancelled" }, { patchedAt: 1, rollback: "done" }],
  ["failed", { status: "failed", error: { code: "nothing_to_repair", message: "" } }, {}],
  ["rejected", { status: "failed", error: { code: "approval_denied", message: "" } }, {}],
  ["failed", { status: "failed", error: { code: "approval_denied", message: "" } }, { outcome: { code: "plan_outdated", message: "" } }],
  ["rolled_back", { status: "failed", error: { code: "verify_failed", message: "" } }, { patchedAt: 1, rollback: "done" }],
  ["rollback_failed", { status: "failed", error: { code: "verify_failed", message: "" } }, { patchedAt: 1, rollback: "failed" }],
  ["rollback_failed", { status: "failed", error: { code: "unsupported", message: "" } }, { patchedAt: 1 }],
  ["rollback_failed", { status: "cancelled" }, { patchedAt: 1, rollback: "failed" }],
  ["rollback_failed", { status: "failed", error: { code: "cancelled", message: "", facts: { undo_failed: [] } } }, { patchedAt: 1 }],
];

test.each(rows)("%s", (status, run, record) => {
  expect(statusOf(run, { approval: APPROVAL, ...record })).toBe(status as "queued");
});

test("what is over stays over", () => {
  expect(["queued", "running", "awaiting_approval"].some((status) => isOver(status as "queued"))).toBe(false);
  expect(
    ["succeeded", "failed", "rolled_back", "rollback_failed", "rejected", "canceled"].every((status) => isOver(status as "failed")),
  ).toBe(true);
});

test.each(rows)("%s is looked for among the runs that can have it", (_status, run, record) => {
  expect(runStatusesOf(statusOf(run, { approval: APPROVAL, ...record }))).toContain(run.status);
});
