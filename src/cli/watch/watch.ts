import type { Client } from "../../client/client.ts";
import { systemClock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { Context } from "../context.ts";
import { carryOut } from "./carry-out.ts";
import { WatchLoop } from "./loop.ts";
import { readStackWatch, type StackWatch } from "./stack-files.ts";
import { Watcher } from "./watcher.ts";

export interface Watch {
  /** Nothing begins any more. Resolves when no change of its own is being asked for: a `down` that is asked for afterwards is the last word. */
  close(): Promise<void>;
}

interface WatchOptions {
  readonly stack: string;
  /** Where lines go; standard error unless given. */
  readonly note?: (text: string) => void;
}

/** Watches the files of a stack that is up and carries out what their changes ask for, until it is closed. */
export function watchStack(context: Context, client: Client, { stack, note = (text) => context.note(text) }: WatchOptions): Watch {
  const clock = systemClock();
  const end = new AbortController();
  const loop = new WatchLoop({
    clock,
    carryOut: async (todo, giveWay) => {
      const done = await carryOut(todo, { context, client, stack, note, closing: end.signal }, giveWay);
      if (todo.put && !end.signal.aborted) take(readAgain(context, note));
      return done;
    },
  });
  const watcher = new Watcher({ clock, onTrouble: (why) => note(`watch: ${why}`), onSeen: (seen) => loop.add(seen) });
  const take = (found: StackWatch | undefined): void => {
    if (found) watcher.watch(found.watched);
  };
  const first = readAgain(context, note);
  take(first);
  note(`watch: watching ${first && first.services.length > 0 ? `the files of ${first.services.join(", ")} and ` : ""}the stack file`);
  return {
    async close() {
      end.abort();
      watcher.close();
      await loop.close();
    },
  };
}

function readAgain(context: Context, note: (text: string) => void): StackWatch | undefined {
  try {
    return readStackWatch(context);
  } catch (error) {
    note(`watch: ${messageOf(error)}`);
    return undefined;
  }
}
