import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { breakerTrips } from "./breaker.ts";
import { contentToApprove } from "./content.ts";
import { approvalNeed, type ApprovalFacts } from "./need.ts";

const PLAIN: ApprovalFacts = {
  profile: { protected: false, roles: ["sre"], expiresMs: 3_600_000 },
  images: ["shop-api:latest", "python:3.11-slim"],
  verdict: "fix",
  breaker: false,
  propose: false,
  opens: [],
};

test("a fix of a service that nobody else depends on needs nobody; so does an operator's own plan", () => {
  expect(approvalNeed(PLAIN)).toEqual({ required: false, reasons: [], roles: ["sre"], expiresMs: 3_600_000 });
  expect(approvalNeed({ ...PLAIN, verdict: null }).required).toBe(false);
});

test("each reason alone is enough, and all of them are told", () => {
  const reasons: readonly [Partial<ApprovalFacts>, string][] = [
    [{ profile: { ...PLAIN.profile, protected: true } }, "protected"],
    [{ images: ["docker.io/library/postgres:16-alpine"] }, "postgres:16-alpine is a proxy, a database"],
    [{ verdict: "approve" }, "for a person to say"],
    [{ breaker: true }, "it is back"],
    [{ propose: true }, "proposal"],
    [{ opens: ["the patch changes docker-compose.yml"] }, "the patch changes docker-compose.yml, which takes"],
  ];
  for (const [more, why] of reasons) {
    const { required, reasons: told } = approvalNeed({ ...PLAIN, ...more });
    expect([required, told.length, told[0]]).toEqual([true, 1, expect.stringContaining(why)]);
  }
  const all = Object.assign({}, PLAIN, ...reasons.map(([more]) => more)) as ApprovalFacts;
  expect(approvalNeed(all).reasons).toHaveLength(6);
});

test("the second time within the window trips the breaker, and none does without a window", () => {
  const at = (endedAt: number) => [{ endedAt }];
  expect(breakerTrips([], { now: 1000, windowMs: 500 })).toBe(false);
  expect(breakerTrips(at(501), { now: 1000, windowMs: 500 })).toBe(true);
  expect(breakerTrips(at(500), { now: 1000, windowMs: 500 })).toBe(false);
  expect(breakerTrips(at(1000), { now: 1000, windowMs: 0 })).toBe(false);
  fc.assert(
    fc.property(fc.array(fc.nat(10_000)), fc.nat(10_000), (ends, windowMs) => {
      const trips = breakerTrips(
        ends.map((endedAt) => ({ endedAt })),
        { now: 10_000, windowMs },
      );
      expect(trips).toBe(10_000 - Math.max(...ends, -Infinity) < windowMs);
    }),
  );
});

test("what is approved names the plan, the commit, the files before and after, and the diff", () => {
  const hash = "ab".repeat(32);
  const target = { service: "api", compose_file: null, project: "shop", workspace: "/srv", base_commit: "c0ffee" };
  const files = [{ path: "Dockerfile", pre_sha256: hash, post_sha256: null }];
  const content = contentToApprove({ plan: { target, files }, planHash: hash, diff: "--- a/Dockerfile" });
  expect(content).toEqual({ plan_hash: hash, base_commit: "c0ffee", files, diff: "--- a/Dockerfile" });
});
