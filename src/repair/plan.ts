import { createHash } from "node:crypto";
import { z } from "zod";
import { canonical } from "../kernel/canonical.ts";
import { inEitherCase } from "../kernel/either-case.ts";

/** What a patch may be at most, as text. */
const MAX_DIFF_CHARS = 256 * 1024;
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const step = <Name extends string, Parameters extends z.ZodType>(name: Name, parameters: Parameters) =>
  z.strictObject({ name: z.literal(name), parameters });

/** Diff: unified, as git writes it, `a/` `b/`, relative to the workspace. */
const patchParameters = z.strictObject({ diff: z.string().max(MAX_DIFF_CHARS) });
const open = z.record(z.string(), z.unknown()).default({});

const planStep = z.discriminatedUnion("name", [
  step("clone", open),
  step("analyze", open),
  step("patch", patchParameters),
  step("build", open),
  step("restart", open),
  step("verify", open),
  step("rollback", open),
]);

const finding = z.strictObject({
  entry: z.number().int().optional(),
  signature: z.string().max(300),
  cause: z.string().max(2000),
  evidence: z.array(z.string().max(2000)).max(50),
  confidence: z.number().min(0).max(1),
  verdict: z.enum(["fix", "approve", "report", "retry"]),
  remedy: z.string().max(2000),
});

const target = z.strictObject({
  service: z.string().max(200),
  compose_file: z.string().max(4096).nullable(),
  project: z.string().max(200),
  workspace: z.string().max(4096),
  /** Of the workspace's git; null where there is none. */
  base_commit: z.string().max(64).nullable(),
});

/** null: there was, or will be, no such file. */
const file = z.strictObject({ path: z.string().max(4096), pre_sha256: hash.nullable(), post_sha256: hash.nullable() });
const steps = z.array(planStep).min(1).max(20);
const MAX_FILES = 100;

/** What a repair is going to do: made by the catalogue, a planner or an operator (repair.md, "ActionPlan"). */
export const ActionPlan = z
  .strictObject({
    version: z.literal(1).default(1),
    plan_id: z.string().max(64),
    generated_at: z.string().max(40),
    generated_by: z.enum(["rules", "llm", "operator"]),
    target,
    /** Null in a plan of an operator. */
    finding: finding.nullable().default(null),
    files: z.array(file).max(MAX_FILES).default([]),
    steps,
  })
  .meta({ id: "ActionPlan" });

export type ActionPlan = z.output<typeof ActionPlan>;

/** An operator's own plan, names in either case: what they leave out is filled in. */
export const GivenPlan = inEitherCase(
  z.strictObject({
    version: ActionPlan.shape.version,
    // Those of this repair take their place.
    plan_id: z.unknown().optional(),
    generated_at: z.unknown().optional(),
    generated_by: z.unknown().optional(),
    finding: z.unknown().optional(),
    target: inEitherCase(target.partial()).default({}),
    files: z
      .array(inEitherCase(file.partial({ pre_sha256: true, post_sha256: true })))
      .max(MAX_FILES)
      .default([]),
    steps,
  }),
);
export type GivenPlan = z.output<typeof GivenPlan>;

/** SHA-256 over what the plan does (not when it was made, nor by whom) in canonical JSON, hex. */
export function planHash({ target, files, steps }: ActionPlan): string {
  return createHash("sha256").update(canonical({ target, files, steps })).digest("hex");
}

/** "" where the plan patches nothing. */
export function diffOf({ steps }: Pick<ActionPlan, "steps">): string {
  const patch = steps.find((one) => one.name === "patch");
  return patch?.name === "patch" ? patch.parameters.diff : "";
}
