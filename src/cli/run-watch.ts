import type { Client } from "../client/client.ts";
import type { EventView } from "../client/wire.ts";
import { formatSpan } from "../kernel/duration.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { RunStepView, RunView } from "../workflow/view.ts";
import { succeeded } from "./change.ts";
import { sayAway } from "./away.ts";
import type { Context } from "./context.ts";
import { type Following, follow } from "./follow.ts";
import { progressText, runTable } from "./run-text.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { Screen } from "./screen.ts";
import { clockTime } from "../terminal/clock-time.ts";

const REDRAW_MS = 500;

/** Shows a run until it ends: a table drawn over itself on a terminal, else one line an event. Exit 0 when it completed; Ctrl-C leaves it running. */
export async function followRun(context: Context, client: Client, id: string): Promise<number> {
  const goesOn = `run ${id} goes on; see it: orco run watch ${id}, cancel it: orco run cancel ${id}`;
  return follow(context, goesOn, async ({ signal, silent }) => {
    const run = await (context.io.tty && !silent ? draw : tell)({ context, client, id, signal, silent });
    if (context.global.json) context.io.out(`${JSON.stringify(run)}\n`);
    succeeded(run, afterFailure(run));
  });
}

function afterFailure({ id, kind, steps }: RunView): string | undefined {
  if (kind !== "plan") return undefined;
  const failed = steps.filter(({ status }) => status === "failed");
  const [one] = failed;
  const step = failed.length === 1 && one ? ` --step ${one.id}` : "";
  return `its log: orco run logs ${id}${step}; again from where it failed: orco run retry ${id}`;
}

interface Watched extends Following {
  readonly context: Context;
  readonly client: Client;
  readonly id: string;
}

async function tell({ context, client, id, signal, silent }: Watched): Promise<RunView> {
  if (!silent) context.note(`run ${id}`);
  return client.waitRun(id, {
    signal,
    ...(!silent && sayAway(context)),
    onEvent: (event) => {
      const line = silent ? undefined : eventText(event);
      if (line !== undefined) context.io.out(`${line}\n`);
    },
  });
}

function eventText(event: EventView): string | undefined {
  const { step, status, message, attempt, reason } = event as Readonly<Record<string, unknown>>;
  const { waiting, progress } = event as Pick<RunStepView, "waiting" | "progress">;
  const said = [message, reason, waiting?.summary, progressText(progress)].find((one) => typeof one === "string" && one !== "");
  const why = typeof said === "string" ? `: ${oneLine(said)}` : "";
  const at = clockTime(event.ts);
  if (typeof step === "string" && typeof status === "string") {
    const again = typeof attempt === "number" && attempt > 1 ? ` (try ${attempt})` : "";
    return `${at} ${step} ${status}${again}${why}`;
  }
  if (typeof status === "string") return `${at} run ${status}${why}`;
  return undefined;
}

/** The run is asked for again after each burst of events, and for its clocks every half second. */
async function draw({ context, client, id, signal }: Watched): Promise<RunView> {
  const screen = new Screen(context.io);
  const began = Date.now();
  const bell = { ring: (): void => undefined };
  const ended = client.waitRun(id, { signal, onEvent: () => bell.ring() });
  const over = ended.then(
    () => true,
    () => true,
  );
  try {
    let seen = await client.run(id);
    for (let done = false; !done;) {
      const changed = new Promise<boolean>((resolve) => (bell.ring = () => resolve(false)));
      seen = await client.run(id).catch((error: unknown) => lastSeen(seen, error));
      screen.draw(runTable(seen, Date.now(), context.io.columns()));
      done = await Promise.race([over, changed, timeout(REDRAW_MS)]);
    }
    const run = await ended;
    screen.draw(runTable(run, Date.now(), context.io.columns()));
    screen.end();
    context.note(`after ${formatSpan(Date.now() - began)}`);
    return run;
  } finally {
    screen.end();
  }
}

/** While the daemon is away; whoever waits for the end knows for how long. */
function lastSeen(seen: RunView, error: unknown): RunView {
  if (error instanceof OrcoError && (error.code === "unreachable" || error.code === "unavailable")) return seen;
  throw error;
}

function timeout(ms: number): Promise<false> {
  return new Promise((resolve) => void setTimeout(() => resolve(false), ms));
}
