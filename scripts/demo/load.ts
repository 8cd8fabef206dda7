const CLIENTS = 4;
const PAUSE_MS = 5;
const ANSWER_WITHIN_MS = 2000;

export interface LoadResult {
  readonly answered: number;
  readonly failures: readonly string[];
}

/** Requests one after another from several clients at once, until stopped. */
export function startLoad(url: string): { answered(): number; stop(): Promise<LoadResult> } {
  const stopping = new AbortController();
  const failures: string[] = [];
  const counter = { answered: 0 };
  const client = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const failure = await attempt(url);
      if (failure) failures.push(failure);
      else counter.answered++;
      await Bun.sleep(PAUSE_MS);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    answered: () => counter.answered,
    async stop() {
      stopping.abort();
      await Promise.all(clients);
      return { answered: counter.answered, failures };
    },
  };
}

async function attempt(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await response.arrayBuffer();
    return response.ok ? undefined : `status ${response.status}`;
  } catch (error) {
    return String(error);
  }
}
