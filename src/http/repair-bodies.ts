import { z } from "zod";
import { inEitherCase } from "../kernel/either-case.ts";
import { OrcoError } from "../kernel/errors.ts";
import { holdsUnseen, NO_UNSEEN } from "../kernel/unseen.ts";
import { type Requester, STEP_NAMES } from "../repair/record.ts";

const MAX_INSTRUCTION_CHARS = 4000;
/** Logs of a failed build come along. */
export const MAX_REPAIR_BYTES = 8 * 1024 * 1024;

const label = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((text) => !holdsUnseen(text), NO_UNSEEN);
const person = z.strictObject({ id: label, role: label.optional() });
/** `service` or `project/service`. */
const target = z.string().trim().min(1).max(401);
const logs = z.string().max(MAX_REPAIR_BYTES);

export const NewRepairBody = inEitherCase(
  z
    .strictObject({
      // What is wrong with it has a code of its own.
      instruction: z
        .unknown()
        .optional()
        .meta({ type: "string", minLength: 1, maxLength: MAX_INSTRUCTION_CHARS, description: "what to mend" }),
      target_service: target.describe("of a compose project; project/service where several have it"),
      priority: z.enum(["normal", "high"]).default("normal"),
      plan: z
        .record(z.string(), z.unknown())
        .optional()
        .describe("an ActionPlan of your own (/schemas/action-plan.json); its steps are enough. The same policy holds for it"),
      dry_run: z.boolean().default(false).describe("end with the plan and the patch, and change nothing"),
      logs: logs.optional().describe("of the build or the container that failed elsewhere"),
      requested_by: person.optional().describe("taken as it is given, and not proven; default: the caller as the daemon knows it"),
    })
    .meta({ id: "NewRepair", required: ["instruction", "target_service"] }),
);

export const RepairApprovalBody = inEitherCase(
  z
    .strictObject({
      approver: person,
      decision: z.enum(["approve", "reject"]),
      comment: z.string().max(2000).optional(),
      token: z.string().min(1).max(1000).optional().describe("proves the approver, where the project lists approvers"),
      plan_hash: z
        .string()
        .regex(/^[0-9a-f]{64}$/, "must be 64 hex digits")
        .optional()
        .describe("of the plan that was looked at: the decision holds for no other"),
    })
    .meta({ id: "RepairApproval" }),
);

export const RepairRetryBody = inEitherCase(
  z
    .strictObject({
      resume_from_step: z.enum(STEP_NAMES).optional().describe("default: the step that failed"),
      reason: z.string().max(2000).optional(),
    })
    .meta({ id: "RepairRetry" }),
);

export const CiTriggerBody = inEitherCase(
  z
    .strictObject({
      target_service: target,
      logs: logs.min(1),
      url: z
        .url({ protocol: /^https?$/ })
        .max(2000)
        .optional()
        .describe("of the build that failed"),
    })
    .meta({ id: "CiTrigger" }),
);

export const ProjectBody = z
  .strictObject({
    workspace: z.string().startsWith("/", "must be an absolute path").max(4096).describe("the folder that holds the compose file"),
  })
  .meta({ id: "NewProject" });

export function personOf({ id, role }: z.infer<typeof person>): Requester {
  return { id, ...(role !== undefined && { role }) };
}

/** Trimmed. Throws `invalid_instruction`. */
export function instructionOf(given: unknown): string {
  const text = typeof given === "string" ? given.trim() : "";
  const characters = Array.from(text).length;
  if (characters >= 1 && characters <= MAX_INSTRUCTION_CHARS) return text;
  const why = typeof given !== "string" ? "is missing, or no text" : characters === 0 ? "is empty" : `has ${characters} characters`;
  throw new OrcoError("invalid_instruction", `the instruction ${why}: say in 1 to ${MAX_INSTRUCTION_CHARS} characters what to mend`, {
    errors: [{ pointer: "/instruction", detail: `${why}; 1 to ${MAX_INSTRUCTION_CHARS} characters are taken` }],
  });
}
