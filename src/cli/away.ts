import type { Context } from "./context.ts";

/** For who follows something: says that the daemon is away, and that it is back. */
export function sayAway(context: Context): { readonly onAway: (why: string | undefined) => void } {
  return { onAway: (why) => context.note(why === undefined ? "the daemon answers again" : `${why}; asking again for half a minute`) };
}
