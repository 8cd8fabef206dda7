import { z } from "zod";
import { holdsUnseen, NO_UNSEEN } from "../kernel/unseen.ts";

/**
 * Requests, as they are validated and documented. Answers are only documented, and live in `answers.ts`, which is loaded
 * with the document: a schema costs memory that an idle daemon should not hold. So does compiling them, hence no JIT.
 */
z.config({ jitless: true });

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Longer ids are none of ours; shorter nonsense is simply not found. */
const MAX_ID = 200;
const MAX_PAGE = 500;
const PAGE = 50;

export const stackName = z.string().regex(NAME, "must be a-z, 0-9 and - only, 63 at most");
export const serviceName = z.string().regex(NAME, "must be a-z, 0-9 and - only, 63 at most");
export const none = z.strictObject({});
export const oneRun = z.strictObject({ runId: z.string().min(1).max(MAX_ID) });
export const oneRepair = z.strictObject({ run_id: z.string().min(1).max(MAX_ID) });
/** RFC 3339 or epoch ms, as epoch ms. */
export const instant = z
  .union(
    [
      z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
      z
        .string()
        .regex(/^\d{1,15}$/)
        .transform(Number),
    ],
    { error: "must be a time: RFC 3339 or epoch ms" },
  )
  .describe("RFC 3339 or epoch ms");
export const schemaFile = z.string().regex(/^[a-z-]+\.json$/, "must be <name>.json");
export const serviceAction = z.enum(["restart", "start", "stop", "run", "scale", "promote", "abort"]);

/** `?flag`, `?flag=true`, `?flag=1`. */
export const flag = z
  .enum(["true", "false", "1", "0", ""], { error: "must be true or false" })
  .transform((text) => text !== "false" && text !== "0");
export const limit = z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE);

export const PutStackBody = z
  .strictObject({
    source: z.string().describe("stack.yaml, 4 MiB at most"),
    file: z.string().startsWith("/", "must be an absolute path").optional(),
    workdir: z.string().startsWith("/", "must be an absolute path"),
    env: z.record(z.string(), z.string()).default({}),
    profiles: z.array(z.string()).optional(),
    services: z.array(serviceName).optional(),
    start: z.boolean().optional().describe("also start what was stopped by hand, as orco up does"),
  })
  .meta({ id: "PutStack" });

export const ActBody = z.strictObject({ replicas: z.number().int().min(0).max(10_000).optional() }).meta({ id: "ServiceAct" });

export const TerminalBody = z
  .strictObject({ columns: z.number().int().min(1).max(10_000), rows: z.number().int().min(1).max(10_000) })
  .meta({ id: "TerminalSize" });

export const ExecBody = z
  .strictObject({
    command: z.array(z.string()).min(1).max(10_000).describe("the program and its arguments; no shell"),
    replica: z.number().int().min(0).optional().describe("default: the first that runs"),
    user: z.string().min(1).max(200).optional(),
    workdir: z.string().min(1).optional(),
    env: z
      .record(z.string().regex(/^[^=\0]+$/, "must be a name"), z.string())
      .optional()
      .describe("beside the instance's own"),
    tty: TerminalBody.optional().describe("on a terminal of this size: all output is stdout"),
  })
  .meta({ id: "Exec" });

const label = z.string().min(1).max(200);
const seenLabel = label.refine((text) => !holdsUnseen(text), NO_UNSEEN);

export const ApprovalBody = z
  .strictObject({
    decision: z.enum(["approve", "reject"]),
    approver: z
      .strictObject({ id: seenLabel, role: seenLabel.optional() })
      .optional()
      .describe("default: the caller as the daemon knows it"),
    comment: z.string().max(2000).optional(),
    step: label.optional().describe("needed where several steps wait"),
    token: z.string().min(1).max(1000).optional().describe("of a repair: proves the approver, where its project lists approvers"),
    content_hash: z.string().optional().describe("of the content that was looked at: the decision holds for nothing else"),
  })
  .meta({ id: "RunApproval" });
