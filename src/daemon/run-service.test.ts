import { describe, expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import type { RunSummary } from "../repair/view.ts";
import type { Runs } from "../workflow/execute.ts";
import type { RunRow, StepRow } from "../workflow/run.ts";
import { runService } from "./run-service.ts";
import type { RunParts } from "./runs.ts";

const REPAIR = "repair-1";
const DEPLOY = "deploy-1";
const HASH = "f".repeat(64);

/** Two changes that wait for an approval, one of them a repair; whoever is asked writes it down. */
function both() {
  const calls: unknown[][] = [];
  const note = (...call: unknown[]): unknown => (calls.push(call), { run_id: "repair-2" });
  const rowOf = (id: string): RunRow => ({
    id,
    kind: id.split("-")[0] ?? "",
    lane: "l",
    input: {},
    labels: {},
    status: "running",
    createdAt: 1,
  });
  const waiting = { kind: "approval", summary: "s", since: 1, content: {}, contentHash: HASH } as const;
  const steps = [{ name: "gate", status: "waiting", waiting } as unknown as StepRow];
  const runs = {
    knows: () => true,
    get: rowOf,
    steps: () => steps,
    decide: async (id: string, decision: object) => (note("runs.decide", id, decision), rowOf(id)),
    cancel: async (id: string) => (note("runs.cancel", id), rowOf(id)),
    deliver: async (id: string, name: string) => note("runs.deliver", id, name),
  };
  const repairs = {
    knows: (id: string) => id === REPAIR,
    decide: async (id: string, decision: object) => note("decide", id, decision) as RunSummary,
    cancel: async (id: string) => note("cancel", id) as RunSummary,
    retry: async (id: string, how: object, newId?: string) => note("retry", id, how, newId) as RunSummary,
  };
  const parts = { book: { workers: {} } } as unknown as RunParts;
  return { calls, service: runService(runs as unknown as Runs, parts, repairs) };
}

const bob = { id: "bob", role: "owner" };

describe("a repair among the runs", () => {
  test("is decided by the rules of repairs, with the approver's token", async () => {
    const { calls, service } = both();
    const run = await service.decide(REPAIR, {
      decision: "approve",
      approver: bob,
      comment: "seen",
      token: "t0k3n",
      content_hash: HASH,
      step: "gate",
    });
    expect(calls).toEqual([["decide", REPAIR, { decision: "approve", approver: bob, comment: "seen", token: "t0k3n" }]]);
    expect(run).toMatchObject({ id: REPAIR, kind: "repair" });
  });

  test("is not decided where something else was looked at", async () => {
    const { calls, service } = both();
    const refused = await service
      .decide(REPAIR, { decision: "approve", approver: bob, content_hash: "0".repeat(64) })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "approval_void", facts: { content_hash: HASH } });
    expect(calls).toEqual([]);
  });

  test("takes no signal: that would be an approval that nobody has given", async () => {
    const { calls, service } = both();
    const refused = await service.signal(REPAIR, "approval", { decision: "approve" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "conflict" });
    await service.signal(DEPLOY, "ready", {});
    expect(calls).toEqual([["runs.deliver", DEPLOY, "ready"]]);
  });

  test("is canceled and retried as repairs are", async () => {
    const { calls, service } = both();
    await service.cancel(REPAIR);
    expect(await service.retry(REPAIR, { owner: "key:abc", from_step: "build", id: "wanted" })).toEqual({ id: "repair-2" });
    expect(calls).toEqual([
      ["cancel", REPAIR],
      ["retry", REPAIR, { requestedBy: { id: "key:abc" }, from: "build" }, "wanted"],
    ]);
    const wrong = await service.retry(REPAIR, { owner: "key:abc", from_step: "gate" }).catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(OrcoError);
    expect(wrong).toMatchObject({ code: "invalid", facts: { errors: [{ pointer: "/from_step" }] } });
  });

  test("no token of an approver reaches what others keep of a decision", async () => {
    const { calls, service } = both();
    await service.decide(DEPLOY, { decision: "reject", approver: bob, token: "t0k3n", content_hash: HASH });
    await service.cancel(DEPLOY);
    expect(calls).toEqual([
      ["runs.decide", DEPLOY, { decision: "reject", approver: bob, content_hash: HASH }],
      ["runs.cancel", DEPLOY],
    ]);
    expect(await service.retry(DEPLOY, { owner: "x" }).catch((error: unknown) => error)).toMatchObject({ code: "conflict" });
  });
});
