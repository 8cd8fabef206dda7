import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import { cancelIfUnderWay, succeeded } from "./change.ts";
import { OutputClosed } from "./io.ts";
import type { Interrupt } from "./interrupt.ts";

interface BringDown {
  readonly stack: string;
  /** The change that may still be under way. */
  readonly run: string;
  readonly stop: Interrupt;
  readonly say: (text: string) => void;
}

/** After a Ctrl-C: takes the stack down; the next one kills it. Throws (exit 1) when that failed. */
export async function bringDown(client: Client, { stack, run, stop, say: tell }: BringDown): Promise<void> {
  const say = (text: string): void => unlessClosed(() => tell(text));
  say(`\nstopping ${stack} (Ctrl-C again: kill it at once)`);
  try {
    await cancelIfUnderWay(client, run);
    const down = await client.deleteStack(stack, { queue: true });
    try {
      succeeded(await client.waitRun(down.id, { signal: stop.again }));
    } catch (error) {
      if (!stop.again.aborted) throw error;
      stop.release();
      say(`killing ${stack}`);
      await cancelIfUnderWay(client, down.id);
      succeeded(await client.waitRun((await client.deleteStack(stack, { force: true, queue: true })).id));
    }
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "not_found") throw error;
  } finally {
    stop.release();
  }
  say(`${stack} is down`);
}

/** Whoever closed the window wants it down all the same. */
function unlessClosed(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}
