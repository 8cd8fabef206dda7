import { z } from "zod";
import type { Json } from "../kernel/event.ts";
import type { RunFinish } from "../runs/ports.ts";
import type { StepChange } from "../runs/record.ts";
import type { ClaimRequest, ReportRequest } from "../runs/worker-wire.ts";

/** What workers send. The book checks the meaning; these check the form. */

const label = z.string().min(1).max(200);
const stepId = z.string().min(1).max(100);
const data = z.unknown().optional();
const when = z
  .union([z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)), z.number().int().min(0).max(8.64e15)], {
    error: "must be a time: RFC 3339 or epoch ms",
  })
  .describe("RFC 3339 or epoch ms");
/** Of the facts of an error: a request that failed tells 64 KiB of its answer, escaped at worst. */
const MAX_FACTS = 512 * 1024;
const error = z.looseObject({ code: z.string().min(1).max(64), message: z.string().max(4000) });
/** What a message, a summary and the like may be long. */
const text = z.string().max(64 * 1024);
const count = z.number().int().min(0);
/** Epoch ms that a `Date` can show. */
const time = z.number().min(0).max(8.64e15);
const object = z.record(z.string(), z.unknown());

export const CheckpointBody = z
  .strictObject({
    type: label,
    data,
    ts: when.optional().describe("when it was made, RFC 3339 or epoch ms; now unless given"),
    name: label.optional(),
    step: stepId.optional(),
  })
  .meta({ id: "NewCheckpoint" });

export const ClaimBody = z.strictObject({ worker: label, dispatch: z.number().int().min(0).optional() }).meta({ id: "Claim" });

export const HeartbeatBody = z
  .strictObject({
    seen: z.number().int().min(0).optional(),
    wait_ms: z.number().int().min(0).max(10_000).optional().describe("answer when somebody changes the run, or then"),
    release: z.boolean().optional().describe("hand the run back: another worker may claim it at once"),
  })
  .meta({ id: "Heartbeat" });

export const FinishBody = z
  .strictObject({
    status: z.enum(["completed", "failed", "canceled"]),
    result: data,
    error: z
      .union([error, z.string().max(4000)])
      .optional()
      .describe("of failed"),
    reason: z.string().max(2000).optional().describe("of canceled"),
  })
  .meta({ id: "Finish" });

const LogLine = z.strictObject({
  at: time,
  step: stepId,
  attempt: z.number().int().min(0),
  source: z.enum(["stdout", "stderr", "orco"]),
  level: z.string().max(10).optional(),
  message: z.string().max(64 * 1024),
  offset: z.number().int().min(0).optional(),
});
export const LogsBody = z.strictObject({ lines: z.array(LogLine).max(10_000) }).meta({ id: "RunLogLines" });

/** As of `StepChange`: it becomes the step's row, and one that cannot be shown would break every list that its run is in. */
const StepSet = z.strictObject({
  attempt: count.optional(),
  failures: count.optional(),
  startedAt: time.nullish(),
  begunAt: time.nullish(),
  endedAt: time.nullish(),
  outputs: object.nullish(),
  message: text.nullish(),
  execution: label.nullish(),
  consumed: count.nullish(),
  checkpoint: label.nullish(),
  items: count.nullish(),
  reused: z.boolean().nullish(),
});
const StepWait = z.strictObject({
  kind: z.enum(["approval", "wait", "for_each", "retry"]),
  summary: text,
  since: time,
  expiresAt: time.optional(),
  until: time.optional(),
  signal: label.optional(),
  content: object.optional(),
  contentHash: label.optional(),
  roles: z.array(label).max(100).optional(),
});
const StepError = z.strictObject({
  code: z.string().min(1).max(64),
  message: text,
  facts: object.refine((facts) => JSON.stringify(facts).length <= MAX_FACTS, `has more than ${MAX_FACTS} characters of JSON`).optional(),
});
const Change = z.strictObject({
  step: stepId,
  event: z.enum(["begin", "tell", "wait", "skip", "finish", "fail", "stop", "cancel"]),
  set: StepSet.optional(),
  waiting: StepWait.optional(),
  error: StepError.optional(),
  progress: z.strictObject({ percent: z.number().optional(), message: z.string().max(4000).optional() }).optional(),
});
const Checkpoint = CheckpointBody.extend({ attempt: z.number().int().min(0).optional() });
export const ReportBody = z
  .strictObject({
    n: z.number().int().min(1).optional(),
    changes: z.array(Change).max(20_000).optional(),
    checkpoints: z.array(Checkpoint).max(1000).optional(),
  })
  .meta({ id: "Report" });

export function claimOf({ worker, dispatch }: z.infer<typeof ClaimBody>): ClaimRequest {
  return { worker, ...(dispatch !== undefined && { dispatch }) };
}

export function reportOf({ n, changes, checkpoints }: z.infer<typeof ReportBody>): ReportRequest {
  return {
    ...(n !== undefined && { n }),
    ...(changes && { changes: changes as unknown as readonly StepChange[] }),
    ...(checkpoints && { checkpoints: checkpoints as NonNullable<ReportRequest["checkpoints"]> }),
  };
}

export function finishOf({ status, result, error: given, reason }: z.infer<typeof FinishBody>): RunFinish {
  const had = result === undefined ? {} : { result: result as Json };
  if (status === "completed") return { status, ...had };
  if (status === "canceled") return { status, reason: reason ?? "its worker ended it" };
  const { code, message, ...facts } = typeof given === "string" ? { code: "failed", message: given } : (given ?? NO_ERROR);
  return { status, ...had, error: { code, message, ...(Object.keys(facts).length > 0 && { facts }) } };
}

const NO_ERROR = { code: "failed", message: "its worker says that it failed, and no more" };
