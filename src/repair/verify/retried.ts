import { formatSpan } from "../../kernel/duration.ts";
import type { Look, Patience } from "./check.ts";

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5000;

export interface Series extends Patience {
  /** In front of every line. */
  readonly name: string;
  /** Of all looks together. */
  readonly timeoutMs: number;
  /** Between two looks; without it ever longer, 200 ms to 5 s. */
  readonly everyMs?: number;
}

/** Looks until it is well, hopeless or too late; one look is made however late it is. `leftMs` tells a look how long it may take. */
export async function retried(series: Series, look: (leftMs: number) => Promise<Look>): Promise<Look> {
  const { name, timeoutMs, everyMs, clock, signal, onLine } = series;
  const deadline = clock.monotonic() + timeoutMs;
  let told = "";
  for (let tries = 1, delay = everyMs ?? FIRST_DELAY_MS; ; tries++, delay = everyMs ?? Math.min(2 * delay, LONGEST_DELAY_MS)) {
    signal.throwIfAborted();
    const { ok, detail, final = false } = await look(deadline - clock.monotonic());
    const line = `${name}: ${ok ? "ok" : "not yet"}: ${detail}`;
    // What is asked many times a second is told when it changes.
    if (everyMs === undefined) onLine(`attempt ${tries}: ${line}`);
    else if (line !== told) onLine(line);
    told = line;
    if (ok || final) return { ok, detail };
    const left = deadline - clock.monotonic();
    if (left <= 0) return { ok, detail: `${detail}; given up after ${formatSpan(timeoutMs)} and ${tries} attempts` };
    await clock.sleep(Math.min(delay, left), signal);
  }
}
