import { expect, test } from "bun:test";
import type { ApprovalRecord } from "../record.ts";
import { lapsed, shownApproval } from "./lapsed.ts";

const FORESEEN: ApprovalRecord = { status: "awaiting", reasons: [], roles: [] };
const ASKED: ApprovalRecord = { ...FORESEEN, asked: true, reasons: ["the service is protected"] };
const SAID = { approver: "ann", approver_role: "sre", decided_at: "2026-01-02T03:04:05.006Z", comment: "no" };

test.each([
  ["somebody rejected it", { code: "approval_denied", facts: SAID }, "rejected"],
  ["its time ran out", { code: "approval_denied", facts: { expired: true } }, "expired"],
  ["it was cancelled", { code: "cancelled" }, "expired"],
  ["its plan was outdated", { code: "approval_denied", facts: { ...SAID, approver: "orco" } }, "expired"],
  ["another content was approved", { code: "approval_void", facts: { decided: "x" } }, "expired"],
  ["something failed beside it", { code: "internal" }, "expired"],
] as const)("of a question that waited: %s", (_, error, status) => {
  expect(lapsed(ASKED, error)).toMatchObject({ status });
  expect(lapsed(FORESEEN, error)).toEqual({ status: "not_required" });
  // Whatever another daemon took it for.
  expect(shownApproval({ ...ASKED, status: "expired" }, error)).toMatchObject({ status });
});

test("a rejection keeps who, in what role, when and why; one of a daemon that did not say so keeps what there is", () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  expect(lapsed(ASKED, { code: "approval_denied", facts: SAID })).toEqual({
    status: "rejected",
    by: { id: "ann", role: "sre" },
    at,
    comment: "no",
  });
  expect(lapsed(ASKED, { code: "approval_denied", facts: { approver: "ann" } })).toEqual({ status: "rejected", by: { id: "ann" } });
});

test("what was decided stays so", () => {
  expect(shownApproval(ASKED, undefined)).toBe(ASKED);
  for (const status of ["granted", "rejected"] as const) {
    const decided = { ...ASKED, status, by: { id: "ann" } };
    expect(shownApproval(decided, { code: "cancelled" })).toBe(decided);
  }
});
