import { expect, test } from "bun:test";
import { FakeClock } from "../kernel/clock.ts";
import type { ServiceRef } from "./project.ts";
import type { ActionPlan } from "./plan.ts";
import { newRecord, retryRecord } from "./request.ts";

const profile = { protected: false, roles: [] };
const ref = { project: { name: "shop", workspace: "/srv/shop" }, service: "api", profile } as unknown as ServiceRef;
const FINDING = { signature: "s", cause: "", evidence: [], confidence: 1, verdict: "fix", remedy: "" } as const;

test("a retry takes over what somebody had to agree to, and who asked before", () => {
  const clock = new FakeClock();
  const asked = { instruction: "mend it", priority: "normal", requestedBy: { id: "alice" }, trigger: "api" } as const;
  const first = newRecord(clock, { ...asked, id: "a", ref, kind: "compose", propose: false, dryRun: false });
  const former = { ...first, finding: FINDING, verdict: "approve", plan: {} as ActionPlan } as const;
  const second = retryRecord(former, { id: "b", now: 1, ref, requestedBy: { id: "key:1" } });
  expect(second).toMatchObject({ verdict: "approve", finding: FINDING, formerRequesters: [{ id: "alice" }], resumeFrom: "patch" });
  const third = retryRecord({ ...second, plan: undefined as never }, { id: "c", now: 1, ref, from: "analyze", requestedBy: { id: "bob" } });
  expect(third.formerRequesters).toEqual([{ id: "alice" }, { id: "key:1" }]);
  expect(third.verdict).toBeUndefined();
});
