import type { StackView } from "../stack/view.ts";
import type { Context } from "./context.ts";
import { OutputClosed } from "./io.ts";
import { statusTable, type TableOptions } from "../terminal/table.ts";

const REDRAW_MS = 1000;

export async function status(context: Context): Promise<undefined> {
  if (context.options["app"] !== undefined) return (await import("./app.ts")).appStatus(context);
  const client = await context.client();
  const stack = context.stackName();
  const wide = context.options["wide"] === true;
  if (context.options["watch"] === true) return watch(context, stack);
  const view = await client.stack(stack, wide ? { usage: true } : {});
  context.io.out(context.global.json ? `${JSON.stringify(view)}\n` : `${statusTable(view, tableOptions(context))}\n`);
  return undefined;
}

async function watch(context: Context, stack: string): Promise<undefined> {
  const [{ liveViews }, { Screen }, { interrupt }] = await Promise.all([
    import("../client/live-views.ts"),
    import("./screen.ts"),
    import("./interrupt.ts"),
  ]);
  const { io, global } = context;
  const stop = interrupt();
  const unread = new AbortController();
  const release = io.onUnread?.(() => unread.abort(new OutputClosed()));
  const redraw = io.tty && !global.json;
  const screen = new Screen(io);
  let last = "";
  const usage = context.options["wide"] === true;
  const views = liveViews(await context.client(), {
    stack,
    signal: AbortSignal.any([stop.signal, unread.signal]),
    usage,
    // Also without an event: ages go on, and of a docker that is away there is none.
    everyMs: REDRAW_MS,
  });
  try {
    for await (const view of views) {
      if (redraw) {
        screen.draw(statusTable(view, tableOptions(context)));
        continue;
      }
      const now = JSON.stringify(view);
      const same = withoutAges(view);
      if (same === last) continue;
      last = same;
      io.out(global.json ? `${now}\n` : `${statusTable(view, tableOptions(context))}\n\n`);
    }
  } finally {
    screen.end();
    stop.release();
    release?.();
  }
  unread.signal.throwIfAborted();
  if (!stop.signal.aborted) context.note(`stack ${stack} is gone`);
  return undefined;
}

/** What makes one view differ from the last: ages always do, and so do averages and spans of time in what is said. */
export function withoutAges(view: StackView): string {
  return JSON.stringify(view, (key, value: unknown) => {
    if (key === "age_ms" || key === "since_ms") return undefined;
    return key === "message" && typeof value === "string" ? value.replaceAll(/\((?:avg|in) [^)]*\)|[\d.]+\w+(?: \d+\w+)? ago/g, "") : value;
  });
}

function tableOptions({ io, options }: Context): TableOptions {
  const columns = io.columns();
  return { wide: options["wide"] === true, ...(columns !== undefined && { columns }) };
}
