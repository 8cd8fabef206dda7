import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { RepairClient } from "../client/repair.ts";
import { fileTrouble, OrcoError } from "../kernel/errors.ts";
import type { RunDetail } from "../repair/view.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { canAsk, confirmed } from "./ask.ts";
import { textOption, type Context } from "./context.ts";
import { EXIT, usageError } from "./exit.ts";
import { approvalLines, planLines, targetText } from "./repair-text.ts";

interface Wanted {
  readonly id: string;
  readonly decision: "approve" | "reject";
  readonly comment: string | undefined;
  readonly role: string | undefined;
  readonly as: string | undefined;
}

/** `orco approve <run>` of a repair: shows the plan and the patch, and decides exactly these. Exits 5 when they have changed, or it is decided. */
export async function approveRepair(
  context: Context,
  client: RepairClient,
  { id, decision, comment, role, as }: Wanted,
): Promise<number | undefined> {
  const { io, options, global } = context;
  const token = tokenFrom(context);
  const run = await client.get(id);
  if (run.approval.status !== "awaiting")
    throw new OrcoError("approval_not_applicable", `repair ${id} waits for no approval: its status is ${run.status}`, {
      next: `see it: orco repair show ${id}`,
    });
  if (!global.json && !global.quiet) io.out(`${waitingText(run, io)}\n`);
  if (options["yes"] !== true && canAsk() && !confirmed(io, `${decision} this?`)) {
    context.note("nothing was decided");
    return EXIT.failed;
  }
  const approver = { id: as ?? user(), ...(role !== undefined && { role }) };
  const decided = await client
    .decide(id, {
      approver,
      decision,
      ...(comment !== undefined && { comment }),
      ...(token !== undefined && { token }),
      ...(run.plan_hash !== null && { plan_hash: run.plan_hash }),
    })
    .catch((error: unknown) => {
      throw token === undefined ? withTokenHint(error) : error;
    });
  if (global.json) io.out(`${JSON.stringify(decided)}\n`);
  else
    context.note(
      `repair ${id} is ${decision === "approve" ? "approved and goes on; watch it: orco repair watch" : "rejected; see it: orco repair show"} ${id}`,
    );
  return undefined;
}

/** The daemon does not know how it was called. */
function withTokenHint(error: unknown): unknown {
  if (!(error instanceof OrcoError) || error.code !== "approval_denied" || !/\btoken\b/.test(error.message)) return error;
  const next = "a token goes in by --token-file FILE or ORCO_APPROVAL_TOKEN, its owner by --as ID";
  return new OrcoError(error.code, error.message, { ...error.facts, next }, { cause: error });
}

function waitingText(run: RunDetail, { color }: { readonly color: boolean }): string {
  return [
    `${run.run_id}  ${targetText(run)}  ${run.status}`,
    `  asked for by ${oneLine(run.requested_by.id)}: ${oneLine(run.instruction)}`,
    ...planLines(run, { color }),
    ...approvalLines(run),
    ...(run.plan_hash === null ? [] : [`  plan: sha256 ${run.plan_hash}`]),
  ].join("\n");
}

/** As the daemon calls who asks over its socket: who has asked for a repair does not approve it under another name. */
function user(): string {
  return `uid:${process.getuid?.() ?? 0}`;
}

/** Never an argument: those are seen by everybody on the machine. */
function tokenFrom({ io, options }: Context): string | undefined {
  const file = textOption(options, "tokenFile");
  if (file === undefined) return io.env["ORCO_APPROVAL_TOKEN"]?.trim() || undefined;
  let token: string;
  try {
    token = readFileSync(resolve(io.cwd, file), "utf8").trim();
  } catch (error) {
    throw usageError(`--token-file ${file}: ${fileTrouble(error)}`);
  }
  if (token === "") throw usageError(`--token-file ${file}: it is empty`);
  return token;
}
