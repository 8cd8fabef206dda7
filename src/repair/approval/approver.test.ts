import { createHash } from "node:crypto";
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { OrcoError } from "../../kernel/errors.ts";
import { checkApprover, type ApproverCheck } from "./approver.ts";

const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");
const APPROVERS = [
  { id: "ann", role: "sre", tokenSha256: hashOf("ann-token") },
  { id: "bob", role: "dev", tokenSha256: hashOf("bob-token").toUpperCase() },
  { id: "cy", role: "sre" },
];

function check(approver: { id: string; role?: string }, more: Partial<ApproverCheck> & { token?: string; reject?: true } = {}) {
  const { token, reject, ...rest } = more;
  const decision = { approver, decision: reject ? ("reject" as const) : ("approve" as const), ...(token !== undefined && { token }) };
  return checkApprover({ approvers: [], roles: [], requesters: [{ id: "key:1" }], selfApproval: false, decision, ...rest });
}

/** Code and message, or nothing. */
function refusal(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof OrcoError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

test("where no approvers are listed an approver is who they say they are, and roles count", () => {
  expect(check({ id: "ann" })).toEqual({ id: "ann" });
  expect(check({ id: "ann", role: "sre" }, { roles: ["sre"] })).toEqual({ id: "ann", role: "sre" });
  expect(refusal(() => check({ id: "ann" }, { roles: ["sre", "lead"] }))).toBe(
    "approval_denied: only sre or lead may decide this run; you are without a role",
  );
  expect(refusal(() => check({ id: "bob", role: "dev" }, { roles: ["sre"], reject: true }))).toContain("you are dev");
});

test("whoever asked does not approve, however they write themselves, unless the profile says so; they may reject", () => {
  for (const id of ["ann", "Ann", " ann ", "ａｎｎ", "a\u200bnn", "ann\0", "\u202eann", "an\u00adn", "\u3164 ann", "a\ufe0fnn"])
    expect(refusal(() => check({ id }, { requesters: [{ id: "ann" }] }))).toContain("approval_denied: whoever asked");
  for (const id of ["a\u200bnn", "ann\u001b\n"])
    expect(refusal(() => check({ id: "ann" }, { requesters: [{ id }] }))).toContain("approval_denied: whoever asked");
  expect(refusal(() => check({ id: "or\u2060co" }, { reject: true }))).toContain("approval_denied: orco decides nothing");
  expect(refusal(() => check({ id: "ann" }, { requesters: [{ id: "ann" }, { id: "key:1" }] }))).toContain("approval_denied: whoever asked");
  expect(refusal(() => check({ id: " Orco" }, { reject: true }))).toContain("approval_denied: orco decides nothing");
  expect(check({ id: "ann" }, { requesters: [{ id: "ann" }], selfApproval: true })).toEqual({ id: "ann" });
  expect(check({ id: "ann" }, { requesters: [{ id: "ann" }], reject: true })).toEqual({ id: "ann" });
});

test("where approvers are listed the token proves who it is, and the role is the one that is listed", () => {
  const listed = { approvers: APPROVERS, roles: ["sre"] };
  expect(check({ id: "ann" }, { ...listed, token: "ann-token" })).toEqual({ id: "ann", role: "sre" });
  expect(check({ id: "ann", role: "root" }, { ...listed, token: "ann-token" })).toEqual({ id: "ann", role: "sre" });
  expect(refusal(() => check({ id: "bob", role: "sre" }, { ...listed, token: "bob-token" }))).toContain("you are dev");
  expect(refusal(() => check({ id: "ann", role: "sre" }, listed))).toContain("send the token");
  expect(refusal(() => check({ id: "ann", role: "sre" }, { ...listed, token: "" }))).toContain("send the token");
  expect(refusal(() => check({ id: "ann" }, { ...listed, token: "ann-token", requesters: [{ id: "ann" }] }))).toContain("whoever asked");
});

test("of a wrong id and a wrong token the same is said, and of an approver without a token too", () => {
  const said = (id: string, token: string) => refusal(() => check({ id, role: "sre" }, { approvers: APPROVERS, token }));
  const wrong = "approval_denied: id and token are not those of an approver of this project";
  for (const [id, token] of [
    ["ann", "bob-token"],
    ["nobody", "ann-token"],
    ["nobody", "x"],
    ["cy", "x"],
    ["cy", "0".repeat(64)],
    ["ann", hashOf("ann-token")],
  ] as const)
    expect([id, token, said(id, token)]).toEqual([id, token, wrong]);
});

test("nobody gets in with another's token, and nothing that is thrown holds it", () => {
  fc.assert(
    fc.property(fc.constantFrom("ann", "bob", "cy", "dan"), fc.string({ minLength: 1 }), (id, token) => {
      const said = refusal(() => check({ id, role: "sre" }, { approvers: APPROVERS, token: `t-${token}` }));
      expect(said).toStartWith("approval_denied");
      expect(said).not.toContain(`t-${token}`);
    }),
  );
});
