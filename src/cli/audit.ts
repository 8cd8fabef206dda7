import { resolve } from "node:path";
import type { AuditAnswer } from "../client/audit.ts";
import type { AuditEntry } from "../kernel/audit.ts";
import { OrcoError } from "../kernel/errors.ts";
import { dayTime } from "../terminal/clock-time.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { EXIT } from "./exit.ts";

const SHOWN = "20";
const MAX_SHOWN = 500;

const DO = { list, verify };

/** `orco audit <action>`. */
export async function audit(context: Context): Promise<number | undefined> {
  return DO[context.args[0] as keyof typeof DO](context);
}

async function list(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const limit = countOf(textOption(options, "limit") ?? SHOWN, "--limit", { min: 1, max: MAX_SHOWN });
  const found = await (await context.client()).audit.list({ limit });
  if (global.json) io.out(`${JSON.stringify(found)}\n`);
  else if (found.records.length === 0) context.note("nobody has decided anything yet");
  else io.out(`${alignRows([["N", "AT", "WHO", "DID", "TO", "FACTS"], ...found.records.map((one) => rowOf(one))], io.columns())}\n`);
  return undefined;
}

function rowOf({ seq, at, actor, action, subject, facts }: AuditEntry, nowMs = Date.now()): string[] {
  return [String(seq), dayTime(at, nowMs), oneLine(actor), oneLine(action), oneLine(subject), oneLine(JSON.stringify(facts))];
}

/** Exits 1 where the chain does not hold. */
async function verify(context: Context): Promise<number | undefined> {
  const { io, global } = context;
  const answer = await verdictOf(context);
  if (global.json) io.out(`${JSON.stringify(answer)}\n`);
  else if (answer.ok) io.out(`${answer.records} records, each as it was written, none missing\nhead ${answer.head}\n`);
  else io.err(`orco: ${oneLine(answer.reason)}\n`);
  return answer.ok ? undefined : EXIT.failed;
}

async function verdictOf(context: Context): Promise<AuditAnswer> {
  const file = textOption(context.options, "db");
  if (file === undefined) return (await context.client()).audit.verify();
  const { verifyAuditFile } = await import("../kernel/audit-verify.ts");
  try {
    return { ok: true, ...verifyAuditFile(resolve(context.io.cwd, file)) };
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "audit_broken") throw error;
    const { seq } = error.facts;
    return { ok: false, reason: error.message, ...(typeof seq === "number" && { seq }) };
  }
}
