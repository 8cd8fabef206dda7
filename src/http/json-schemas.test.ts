import { expect, test } from "bun:test";
import Ajv2020 from "ajv/dist/2020.js";
import type { JsonObject } from "../kernel/event.ts";
import { ActionPlan } from "../repair/plan.ts";
import { RUN_SCHEMAS, runSchema } from "./json-schemas.ts";

const COMMITTED = new URL("../../schemas/orchestrator/", import.meta.url).pathname;
const RUN: JsonObject = {
  id: "r",
  kind: "plan",
  mode: "local",
  name: "n",
  status: "running",
  owner: "api",
  metadata: {},
  createdAt: "2026-01-01T00:00:00.000Z",
  attempt: 1,
  steps: [{ id: "a", status: "waiting", waiting: { kind: "approval", summary: "s", since: "t" } }],
};

function validator(name: (typeof RUN_SCHEMAS)[number]) {
  return new Ajv2020({ strict: false, formats: { "date-time": true } }).compile(runSchema(name));
}

test("the committed files are what the code says: node scripts/bun.mjs scripts/schemas.ts writes them", async () => {
  for (const name of RUN_SCHEMAS) expect(await Bun.file(`${COMMITTED}${name}.schema.json`).json()).toEqual(runSchema(name));
});

test("a run, a checkpoint and every frame are valid by another validator, wrong ones are not", () => {
  const run = validator("run");
  expect(run(RUN)).toBe(true);
  expect(run({ ...RUN, status: "cancelled" })).toBe(false);
  const checkpoint = validator("checkpoint");
  expect(checkpoint({ id: "c", runId: "r", ts: "t", type: "x", data: [1, { a: null }] })).toBe(true);
  expect(checkpoint({ id: "c", runId: "r", ts: "t" })).toBe(false);
  const event = validator("event");
  const told = { runId: "r", seq: 7, n: 1, ts: "t" };
  const frames = [
    { event: "hello", data: { runId: "r", status: "running", last_seq: 0 } },
    { event: "status", id: "1-1", data: { ...told, status: "running" } },
    { event: "status", id: "1-2", data: { ...told, status: "awaiting_approval" } },
    { event: "step", id: "1-2", data: { ...told, step: "a", status: "running", attempt: 1 } },
    { event: "checkpoint", id: "1-3", data: { id: "c", runId: "r", ts: "t", type: "x", seq: 9, n: 3 } },
    { event: "end", data: { runId: "r", status: "completed" } },
  ];
  for (const frame of frames) expect([frame.event, event(frame)]).toEqual([frame.event, true]);
  for (const wrong of [
    { event: "other", data: {} },
    { event: "status", data: told },
    { event: "end", data: { status: "completed" } },
  ])
    expect(event(wrong)).toBe(false);
});

test("a plan is valid with its steps and what it is about, as it is kept and as it is given", () => {
  const plan = validator("action-plan");
  const target = { service: "api", compose_file: "/srv/compose.yaml", project: "shop", workspace: "/srv", base_commit: null };
  const patch = { name: "patch", parameters: { diff: "--- a/x\n+++ b/x\n" } };
  const given = {
    plan_id: "p",
    generated_at: "t",
    generated_by: "operator",
    target,
    steps: [{ name: "analyze" }, patch, { name: "build" }],
  };
  expect(plan(given)).toBe(true);
  expect(plan(ActionPlan.parse(given))).toBe(true);
  for (const wrong of [
    { ...given, steps: [] },
    { ...given, steps: [{ name: "patch" }] },
    { ...given, steps: [{ name: "format" }] },
    { ...given, x: 1 },
  ])
    expect(plan(wrong)).toBe(false);
});
