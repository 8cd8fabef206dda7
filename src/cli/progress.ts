import type { Client } from "../client/client.ts";
import type { EventView } from "../client/wire.ts";
import type { Context } from "./context.ts";
import { liveViews } from "../client/live-views.ts";
import { progressLine } from "./progress-line.ts";
import { Screen } from "./screen.ts";
import { statusTable } from "../terminal/table.ts";

interface Watched {
  readonly stack: string;
  readonly run: string;
  readonly sinceMs: number;
  readonly signal: AbortSignal;
}

/** Progress that runs beside the wait for a run. `finish` once the run has ended: what is still on its way is shown, then `stop` is called. */
export interface Shown {
  readonly done: Promise<void>;
  finish(stop: () => void): void;
}

/** The run's last event comes over another connection than its end; this long it is waited for. */
const LAST_EVENT_MS = 200;
const REDRAW_MS = 1000;
/** Between two drawings, however fast things change. */
const REST_MS = 40;

const ENDED = new Set(["run.completed", "run.failed", "run.cancelled"]);

/** One line per event of the stack and its run, up to the run's last. */
export function showEvents(context: Context, client: Client, watched: Watched): Shown {
  const { stack, run, sinceMs, signal } = watched;
  const done = quietly(async () => {
    for await (const event of client.events({ topic: `stack/${stack},run/${run}`, lastEventId: String(sinceMs - 1), signal })) {
      const line = progressLine(event);
      if (line !== undefined) context.io.out(`${line}\n`);
      if (isEndOf(event, run)) return;
    }
  });
  return { done, finish: (stop) => void Promise.race([done, Bun.sleep(LAST_EVENT_MS)]).then(stop) };
}

/** The status table, drawn over itself; stays as it was at the end. */
export function showTable(context: Context, client: Client, { stack, signal }: Watched): Shown {
  const screen = new Screen(context.io);
  const draw = async (): Promise<void> => screen.draw(statusTable(await client.stack(stack), { columns: context.io.columns() ?? 80 }));
  let stopped = false;
  const done = quietly(async () => {
    try {
      for await (const view of liveViews(client, { stack, signal, everyMs: REDRAW_MS, mayAppear: true })) {
        screen.draw(statusTable(view, { columns: context.io.columns() ?? 80 }));
        await Bun.sleep(REST_MS);
      }
      if (stopped) await draw();
    } finally {
      screen.end();
    }
  });
  return {
    done,
    finish(stop) {
      stopped = true;
      stop();
    },
  };
}

/** Progress is a courtesy: when it breaks, the wait for the run says why. */
async function quietly(show: () => Promise<void>): Promise<void> {
  try {
    await show();
  } catch {
    // The wait beside it meets the same error and reports it.
  }
}

function isEndOf(event: EventView, run: string): boolean {
  return event.run === run && ENDED.has(event.type);
}
