import type { Client } from "../client/client.ts";
import type { StackView } from "../stack/view.ts";
import { statusTable } from "../terminal/table.ts";
import { Tui, type Left } from "../tui/tui.ts";
import { bringDown } from "./bring-down.ts";
import { succeeded } from "./change.ts";
import type { Context } from "./context.ts";
import { report } from "./exit.ts";
import type { ForegroundChange } from "./foreground-change.ts";
import { interrupt, type Interrupt } from "./interrupt.ts";
import { overAs } from "./over.ts";

interface Shown {
  readonly context: Context;
  readonly client: Client;
  readonly change: ForegroundChange;
  readonly tui: Tui;
  readonly stop: Interrupt;
}

type Outcome = Left["why"] | "interrupted" | "ended" | "failed";

const LAST_WORDS: Partial<Record<Outcome, (stack: string) => string>> = {
  quit: (stack) => `${stack} runs on; see it: orco top, take it down: orco down`,
  gone: (stack) => `stack ${stack} was taken down`,
  ended: (stack) => `all services of ${stack} have ended`,
  failed: (stack) => `all services of ${stack} have ended`,
};

/** `up` on a terminal: the stack live. q leaves it running, Ctrl-C brings it down before the user's eyes. */
export async function foregroundScreen(context: Context, client: Client, change: ForegroundChange): Promise<number> {
  const stop = interrupt();
  const ending = new Ending();
  const tui = new Tui({
    client,
    stack: change.stack,
    sinceMs: change.sinceMs,
    color: context.io.color,
    mayAppear: true,
    onInterrupt: () => stop.press(),
    onView: (view) => ending.see(view),
  });
  const shown = { context, client, change, tui, stop };
  tui.open();
  const watch = change.watch?.((text) => tui.note(text));
  try {
    const outcome = await outcomeOf(shown, ending);
    await watch?.close();
    // A window that was closed is a hangup, whichever of the two is noticed first.
    if ((outcome === "closed" || outcome === "signal") && !stop.signal.aborted) stop.press();
    if (stop.signal.aborted) return await takeDown(shown);
    await tui.close();
    if (outcome === "ended" || outcome === "failed") context.io.out(`${statusTable(await client.stack(change.stack))}\n`);
    context.note(LAST_WORDS[outcome]?.(change.stack) ?? "");
    return outcome === "failed" ? 1 : 0;
  } catch (error) {
    await tui.close();
    if (!stop.signal.aborted) context.note("what runs stays up; see it: orco status, take it down: orco down");
    throw error;
  } finally {
    await watch?.close();
    stop.release();
  }
}

/** What ends it first. Rejects when the change has failed, unless files are watched: the next change may mend it. */
function outcomeOf({ context, client, change, tui, stop }: Shown, ending: Ending): Promise<Outcome> {
  const interrupted = new Promise<Outcome>((resolve) => stop.signal.addEventListener("abort", () => resolve("interrupted")));
  const ran = async (): Promise<Outcome> => {
    const ended = await client.waitRun(change.run.id, { signal: stop.signal });
    if (!change.watch) {
      succeeded(ended);
      return ending.begin();
    }
    try {
      succeeded(ended);
    } catch (error) {
      report(error, { ...context.io, color: false, err: (text) => tui.note(text.trimEnd()) });
    }
    return new Promise(() => undefined);
  };
  return Promise.race([tui.left.then(({ why }) => why), interrupted, ran()]);
}

/** All of it ended, seen once its change is over: before that nothing may run yet. */
class Ending {
  private readonly found = Promise.withResolvers<Outcome>();
  private begun = false;

  begin(): Promise<Outcome> {
    this.begun = true;
    return this.found.promise;
  }

  see(view: StackView): void {
    const outcome = this.begun ? overAs(view) : undefined;
    if (outcome !== undefined) this.found.resolve(outcome);
  }
}

/** Progress is on the screen for as long as there is one; q leaves it, and the stack goes down by itself. */
async function takeDown({ context, client, change, tui, stop }: Shown): Promise<number> {
  const { stack, run } = change;
  const done = bringDown(client, { stack, run: run.id, stop, say: (text) => tui.phase(text.trim()) });
  const first = await Promise.race([done.then(() => "done" as const), tui.left.then(({ why }) => why)]);
  await tui.close();
  if (first === "quit") context.note(`${stack} is on its way down; see it: orco status`);
  else await done;
  if (first === "done") context.note(`${stack} is down`);
  return 0;
}
