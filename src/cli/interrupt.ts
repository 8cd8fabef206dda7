/** Ctrl-C, and the polite ways to end a command, as signals of its operations. */
export interface Interrupt {
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Aborts at the second. */
  readonly again: AbortSignal;
  /** Gives the signals their usual meaning back. */
  release(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function interrupt(): Interrupt {
  const first = new AbortController();
  const second = new AbortController();
  const onSignal = (): void => (first.signal.aborted ? second : first).abort();
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: first.signal,
    again: second.signal,
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
