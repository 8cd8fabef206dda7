import type { Client } from "../client/client.ts";
import type { EventView } from "../client/wire.ts";
import { formatSpan } from "../kernel/duration.ts";
import type { RunView } from "../workflow/view.ts";
import { sayAway } from "./away.ts";
import type { Context } from "./context.ts";
import { oneLine } from "../terminal/sanitize.ts";

const ENDED = new Set(["completed", "failed", "cancelled"]);

/** Shows one line a step (`health     82ms`), what a step says, and with --quiet too what is to be decided; resolves when the run has ended. */
export async function followSteps(
  context: Context,
  client: Client,
  { run, signal }: { run: RunView; signal: AbortSignal },
): Promise<RunView> {
  const quiet = context.global.json === true || context.global.quiet === true;
  const began = new Map<string, number>();
  for await (const event of client.runEvents(run.id, { signal, ...sayAway(context) })) {
    const line = quiet ? undefined : stepLine(event, began);
    if (line !== undefined) context.io.out(`${line}\n`);
    if (event.type === "step.waiting") context.io.err(`${toDecide(event, run)}\n`);
    if (ENDED.has(String(event["status"])) && event.type.startsWith("run.")) break;
  }
  signal.throwIfAborted();
  return client.run(run.id);
}

function toDecide({ waiting }: EventView, { id }: RunView): string {
  const summary = typeof waiting === "object" && waiting !== null && "summary" in waiting ? oneLine(String(waiting.summary)) : "";
  return `it waits for approval: ${summary}\n  decide: orco approve ${id}, or with --reject; Ctrl-C leaves it waiting`;
}

function stepLine(event: EventView, began: Map<string, number>): string | undefined {
  const step = typeof event["step"] === "string" ? event["step"] : undefined;
  const said = typeof event["message"] === "string" ? oneLine(event["message"]) : undefined;
  if (event.type === "run.progress") return said === undefined ? undefined : `  ${said}`;
  if (step === undefined) return undefined;
  const now = Date.parse(event.ts);
  if (event.type === "step.running") {
    began.set(step, now);
    return undefined;
  }
  const took = formatSpan(Math.max(0, now - (began.get(step) ?? now)));
  switch (event.type) {
    case "step.completed":
      return `${step.padEnd(10)} ${took}`;
    case "step.failed":
      return `${step.padEnd(10)} failed`; // why comes with the end of the run
    case "step.undone":
      return `${step.padEnd(10)} undone`;
    default:
      return undefined;
  }
}
