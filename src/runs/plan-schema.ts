import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { didYouMean } from "../kernel/nearest.ts";
import { jsonPointer } from "../kernel/strict-json.ts";
import { checkPlan, type Finding } from "./plan-check.ts";
import * as field from "./plan-fields.ts";
import { DEFAULT_GRACE_MS, MAX_ITEMS, MAX_STEPS, type Plan, type PlanStep } from "./plan.ts";

/** After these the rest is noise. */
const MAX_ERRORS = 20;
const DAY_MS = 86_400_000;
const DEFAULT_BACKOFF = { min_ms: 1000, max_ms: 60_000, factor: 2 };

const retry = field.object({
  max: field.wholeNumber(0, 1000).default(0),
  backoff: field
    .object({
      min_ms: field.wholeNumber(0, DAY_MS).default(DEFAULT_BACKOFF.min_ms),
      max_ms: field.wholeNumber(0, DAY_MS).exactOptional(),
      factor: field.number(1, 100).default(DEFAULT_BACKOFF.factor),
    })
    .transform((value) => ({ ...value, max_ms: value.max_ms ?? Math.max(DEFAULT_BACKOFF.max_ms, value.min_ms) }))
    .refine((value) => value.max_ms >= value.min_ms, "has a max_ms below its min_ms")
    .default(DEFAULT_BACKOFF),
});

const http = field.object({
  method: field.method.default("GET"),
  url: field.url,
  headers: field.headers.default({}),
  body: field.json.exactOptional(),
});

const approval = field.object({
  roles: field.list(field.title.min(1, "must not be empty"), 100).exactOptional(),
  summary: field.summary.exactOptional(),
  content: field.jsonObject.exactOptional(),
  expires_ms: field.expiresMs.default(DAY_MS),
});

const waitFor = z.union([field.object({ signal: field.name.exactOptional() }), field.name.transform((signal) => ({ signal }))], {
  error: "must be {signal} or the name of a signal",
});

const forEach = field.object({
  items: field.list(field.json, MAX_ITEMS).exactOptional(),
  from: field.argument.exactOptional(),
  max_parallel: field.wholeNumber(1, 32).default(4),
});

const resources = field.object({
  cpu: field.number(0.001, 1024).exactOptional(),
  memory_bytes: field.wholeNumber(1024 * 1024, 2 ** 50).exactOptional(),
});

const step = field.object({
  id: field.name,
  name: field.title.exactOptional(),
  needs: field.list(field.name, MAX_STEPS).default([]),
  when: z.enum(["success", "failure", "always"], { error: 'must be "success", "failure" or "always"' }).default("success"),
  command: field.command.exactOptional(),
  image: field.image.exactOptional(),
  http: http.exactOptional(),
  approval: approval.exactOptional(),
  wait_for: waitFor.exactOptional(),
  waitFor: waitFor.exactOptional(),
  env: field.env.default({}),
  workdir: field.workdir.exactOptional(),
  timeout_ms: field.durationMs.exactOptional(),
  grace_ms: field.wholeNumber(0, 600_000).default(DEFAULT_GRACE_MS),
  retry: retry.default({ max: 0, backoff: DEFAULT_BACKOFF }),
  outputs: field.list(field.name, 100).exactOptional(),
  for_each: forEach.exactOptional(),
  resources: resources.exactOptional(),
});

/** What validates a plan, field by field; what steps mean to each other is in `plan-check.ts`. */
const PlanSchema = field.object({
  steps: field.list(step, MAX_STEPS).min(1, "must hold at least one step"),
  max_parallel: field.wholeNumber(1, 1000).exactOptional(),
});

/** JSON Schema 2020-12 of a plan as it is sent. */
export function planSchema(): JsonObject {
  return z.toJSONSchema(PlanSchema, { io: "input", unrepresentable: "any" }) as JsonObject;
}

type Written = z.output<typeof step>;

/**
 * A plan with its defaults filled in. Throws `invalid` (facts: errors [{pointer, detail}], at most 20, pointers from the request's body: `/plan/steps/3/needs/0`;
 * cycle, where there is one).
 */
export function parsePlan(value: unknown): Plan {
  const result = PlanSchema.safeParse(value);
  if (!result.success) throw refusal(result.error.issues.flatMap(explained), {});
  const plan = { ...result.data, steps: result.data.steps.map(named) } as Plan;
  const twice = result.data.steps.flatMap((one, index) =>
    one.wait_for && one.waitFor ? [{ pointer: `/steps/${index}/waitFor`, detail: "is the same as wait_for: give one of them" }] : [],
  );
  const { findings, cycle } = checkPlan(plan);
  if (twice.length + findings.length > 0) throw refusal([...twice, ...findings], cycle ? { cycle } : {});
  return plan;
}

/** One name for each thing. */
function named({ waitFor: alias, ...one }: Written): PlanStep {
  const wait = one.wait_for ?? alias;
  return (wait ? { ...one, wait_for: { signal: wait.signal ?? one.id } } : one) as PlanStep;
}

function refusal(findings: readonly Finding[], facts: { cycle?: readonly string[] }): OrcoError {
  const [first] = findings;
  const rest = findings.length > 1 ? ` (and ${findings.length - 1} more)` : "";
  const said = first?.pointer ? `${first.pointer.slice(1).replaceAll("/", ".")} ${first.detail}` : (first?.detail ?? "is not valid");
  const errors = findings.slice(0, MAX_ERRORS).map(({ pointer, detail }) => ({ pointer: `/plan${pointer}`, detail }));
  return new OrcoError("invalid", `plan: ${said}${rest}`, { errors, ...facts });
}

function explained(issue: z.core.$ZodIssue): Finding[] {
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(issue.path, key));
  const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
  return [{ pointer: jsonPointer(issue.path), detail: inner ?? issue.message }];
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(PlanSchema.shape),
  steps: Object.keys(step.shape),
  retry: ["max", "backoff"],
  backoff: ["min_ms", "max_ms", "factor"],
  http: Object.keys(http.shape),
  approval: Object.keys(approval.shape),
  wait_for: ["signal"],
  for_each: Object.keys(forEach.shape),
  resources: Object.keys(resources.shape),
};

function unknownKey(path: readonly PropertyKey[], key: string): Finding {
  const inside = path.findLast((part) => typeof part === "string") ?? "";
  const meant = didYouMean(key, KEYS[inside] ?? []);
  return { pointer: jsonPointer([...path, key]), detail: `is not known${meant === undefined ? "" : `; ${meant}`}` };
}
