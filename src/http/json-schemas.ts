import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../kernel/event.ts";
import { ActionPlan } from "../repair/plan.ts";
import { REPAIR_STATUSES } from "../repair/record.ts";
import { Checkpoint, Run } from "./answers-runs.ts";

/**
 * JSON Schemas 2020-12 of the wire formats of runs (runs.md) and of the plans of repairs (repair.md), from the schemas that document the API. Served at `/schemas/`, and committed under
 * `schemas/orchestrator/` by `scripts/schemas.ts`.
 */

const numbers = {
  seq: z.number().int().describe("of the journal: global, monotonic"),
  n: z.number().int().describe("of the run's stream: 1, 2, 3 … without gaps"),
};
const about = { runId: z.string() };
const status = Run.shape.status;
const RUN_STATUSES: ReadonlySet<string> = new Set(status.options);
/** A repair tells where it stands by names of its own (`repair.status`). */
const toldStatus = z.enum([...status.options, ...REPAIR_STATUSES.filter((one) => !RUN_STATUSES.has(one))]);
const told = { ...about, ...numbers, ts: z.string() };
/** `<epochMs>-<n>` on a run's stream, `<epochMs>-<seq>` on `/events`. */
const id = z.string().regex(/^\d+-\d+$/);

const Event = z.discriminatedUnion("event", [
  frame("hello", z.looseObject({ ...about, status, last_seq: z.number().int() })),
  numbered("status", z.looseObject({ ...told, status: toldStatus, reason: z.string().optional() })),
  numbered("checkpoint", Checkpoint.extend(numbers).loose()),
  numbered("step", z.looseObject({ ...told, step: z.string(), status: z.string(), attempt: z.number().int() })),
  numbered("log", z.looseObject({ ...told, message: z.string() })),
  frame("end", z.looseObject({ ...about, status })),
  frame("gap", z.looseObject({ ...about, requested: z.number().int(), first_available: z.number().int() })),
  frame("snapshot", z.looseObject({ ...about, run: Run })),
  frame("reset", z.looseObject({ ...about, last_seq: z.number().int() })),
]);

function frame<Name extends string, Data extends z.ZodType>(event: Name, data: Data) {
  return z.object({ event: z.literal(event), data });
}

function numbered<Name extends string, Data extends z.ZodType>(event: Name, data: Data) {
  return z.object({ event: z.literal(event), id, data });
}

const FILES = {
  run: { title: "Run", schema: Run },
  checkpoint: { title: "Checkpoint", schema: Checkpoint },
  event: { title: "Event", schema: Event },
  "action-plan": { title: "ActionPlan", schema: ActionPlan },
} as const;

export const RUN_SCHEMAS = Object.keys(FILES) as readonly (keyof typeof FILES)[];

export function runSchema(name: keyof typeof FILES): JsonObject {
  const { title, schema } = FILES[name];
  // A plan comes from outside, too: what has a default may be missing.
  const made = z.toJSONSchema(schema, { target: "draft-2020-12", io: name === "action-plan" ? "input" : "output" });
  return { $id: `https://orco.dev/schemas/${name}.json`, title, ...made } as unknown as JsonObject;
}
