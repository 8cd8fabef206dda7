import { OrcoError } from "../kernel/errors.ts";
import type { RunView, WaitingView } from "../workflow/view.ts";
import { canAsk, confirmed } from "./ask.ts";
import { contentText } from "./content-text.ts";
import { textOption, type Context } from "./context.ts";
import { EXIT, usageError } from "./exit.ts";
import { runMeant } from "./id-meant.ts";
import { runTitle } from "./runs.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { holdsUnseen, withoutUnseen } from "../kernel/unseen.ts";

const MAX_COMMENT_CHARS = 2000;
const MAX_NAME_CHARS = 200;

/** `orco approve <run>`: shows what waits, asks on a terminal, and decides exactly what was shown. Exits 5 when that has changed or is decided. */
export async function approve(context: Context): Promise<number | undefined> {
  const { io, options, global } = context;
  const [comment, role, as] = [textOption(options, "comment"), nameOption(context, "role"), nameOption(context, "as")];
  if ((comment?.length ?? 0) > MAX_COMMENT_CHARS) throw usageError(`--comment takes ${MAX_COMMENT_CHARS} characters at most`);
  const decision = options["reject"] === true ? "reject" : "approve";
  const client = await context.client();
  const id = await runMeant(context, client);
  const found = await client.run(id);
  if (found.kind === "repair")
    return (await import("./approve-repair.ts")).approveRepair(context, client.repair, { id, decision, comment, role, as });
  const waiting = approvalOf(found, context);
  if (options["yes"] !== true && canAsk() && !confirmed(io, `${decision} this?`)) {
    context.note("nothing was decided");
    return EXIT.failed;
  }
  const run = await client.decideRun(id, {
    decision,
    step: waiting.step,
    ...(role !== undefined && { approver: { id: `uid:${process.getuid?.() ?? 0}`, role } }),
    ...(comment !== undefined && { comment }),
    ...(waiting.content_hash !== undefined && { content_hash: waiting.content_hash }),
  });
  if (global.json) io.out(`${JSON.stringify(run)}\n`);
  else context.note(`run ${id} is ${decision === "approve" ? "approved and goes on" : "rejected"}; see it: orco runs ${id}`);
  return undefined;
}

/** Who decides, as the daemon would take it: a script whose variable is empty means nobody. Errors: usage. */
function nameOption({ options }: Context, name: "role" | "as"): string | undefined {
  const text = textOption(options, name)?.trim();
  if (text === undefined) return undefined;
  const example = name === "as" ? "--as alice" : "--role owner";
  if (text === "") throw usageError(`--${name} is empty: say who decides, such as ${example}, or leave it out`);
  if (text.length > MAX_NAME_CHARS) throw usageError(`--${name} takes ${MAX_NAME_CHARS} characters at most`);
  if (holdsUnseen(text))
    throw usageError(`--${name} holds characters that cannot be seen: ${JSON.stringify(withoutUnseen(text))} without them`);
  return text;
}

/** What is decided, after it has been shown. Errors: approval_not_applicable when nothing waits. */
function approvalOf(run: RunView, context: Context): WaitingView {
  const { waiting } = run;
  if (waiting?.kind !== "approval")
    throw new OrcoError("approval_not_applicable", `run ${run.id} waits for no approval: it is ${run.status}`, {
      next: `see it: orco runs ${run.id}`,
    });
  if (!context.global.json && !context.global.quiet) context.io.out(`${waitingText(run, waiting)}\n`);
  return waiting;
}

function waitingText(run: RunView, waiting: WaitingView): string {
  const { summary, content, content_hash: hash, roles, expires_at: expires } = waiting;
  const about = [
    ...(roles ? [`only ${roles.map(oneLine).join(" or ") || "nobody"} may decide it (--role)`] : []),
    ...(expires === undefined ? [] : [`until: ${expires}`]),
    ...(hash === undefined ? [] : [`content: sha256 ${hash}`]),
  ];
  return [runTitle(run), oneLine(summary), ...(content ? [contentText(content)] : []), ...about].join("\n");
}
