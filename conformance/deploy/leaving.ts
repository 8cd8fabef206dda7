const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const INTERRUPTED = 130;

/**
 * Closes once, whoever asks first. A signal asks too: whoever interrupts the suite does not get its orchestrator and its apps left behind.
 * The suite waits for one thing to close before it opens the next: interrupted, it waits forever, and the process ends.
 */
export function closer(shut: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | undefined;
  const leave = (signal: NodeJS.Signals): void => {
    const closed = closing ?? close();
    closing = new Promise(() => undefined);
    // Of several that are open, the last one to be closed ends the process.
    void closed.finally(() => {
      if (process.listenerCount(signal) === 0) process.exit(INTERRUPTED);
    });
  };
  const close = (): Promise<void> => {
    closing ??= shut().finally(() => {
      for (const signal of SIGNALS) process.off(signal, leave);
    });
    return closing;
  };
  for (const signal of SIGNALS) process.on(signal, leave);
  return close;
}
