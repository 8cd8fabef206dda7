import { z } from "@hono/zod-openapi";

/** Records of the audit log (`kernel/audit-record.ts`), as they are documented. */

const AuditRecord = z
  .object({
    seq: z.number().int().describe("1, 2, 3 … without gaps"),
    at: z.string(),
    actor: z.string(),
    action: z.string(),
    subject: z.string(),
    facts: z.record(z.string(), z.unknown()),
    prev: z.string().describe("hash of the record before it; 64 zeros before the first"),
    hash: z.string().describe("SHA-256 over the canonical JSON of all other fields but seq, hex"),
  })
  .openapi("AuditRecord");

export const AUDIT_ANSWERS = {
  AuditRecord,
  AuditList: z.object({ records: z.array(AuditRecord), next_cursor: z.string().optional() }).openapi("AuditList"),
  AuditVerdict: z
    .object({
      ok: z.boolean(),
      records: z.number().int().optional().describe("how many hold; where ok is true"),
      head: z.string().optional().describe("hash of the newest; note it elsewhere, and a log that is cut off at its end shows"),
      seq: z.number().int().optional().describe("of the first record that does not hold"),
      reason: z.string().optional(),
    })
    .openapi("AuditVerdict"),
} as const;
