import { hasEnded, hasEndedWell } from "../../supervise/instance.ts";
import type { Supervisor } from "../../supervise/supervisor.ts";
import type { Stack } from "../stack.ts";

const UNHURRIED = new AbortController().signal;

/**
 * Resolves when none of them is under way any more. Rejects with the signal's reason, unless what it would stop has ended by then and only its last lines are
 * still being read: an end that was good counts, whoever asks for another one afterwards.
 */
export async function untilEnded(stack: Stack, members: readonly Supervisor[], signal: AbortSignal): Promise<void> {
  const underWay = (): Supervisor[] => members.filter((one) => stack.has(one) && !hasEnded(one.slot));
  try {
    await stack.until(() => underWay().length === 0 || undefined, signal);
  } catch (error) {
    const ending = underWay();
    if (!ending.every(isEnding)) throw error;
    // A bad end leads to a retry, which is no end: that it is no longer Running is all there is to wait for.
    await stack.until(() => ending.every((one) => !stack.has(one) || one.slot.state !== "Running") || undefined, UNHURRIED);
    if (!members.every(({ slot }) => hasEndedWell(slot))) throw error;
  }
}

function isEnding({ running, endings }: Supervisor): boolean {
  return endings.isConcluding || running?.handle.hasEnded === true;
}
