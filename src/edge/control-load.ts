import { errnoOf } from "../kernel/errors.ts";

/** How requests ended: `ok`, an errno (before it: `connect `), or `cut` for an answer that is not whole. */
export type Tally = Readonly<Record<string, number>>;

export interface Load {
  readonly tally: Tally;
  /** Ends when all requests under way are over. */
  stop(): Promise<Tally>;
  /** Resolves when this many more have been answered. */
  answered(count: number): Promise<void>;
}

/** One connection per request, as fast as `clients` of them can, until stopped. The answer must say `ok`. */
export function startLoad(port: number, clients = 8): Load {
  const tally: Record<string, number> = {};
  const waiting = new Set<{ at: number; resolve: () => void }>();
  const over = new AbortController();
  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const end = await requestOnce(port);
      tally[end] = (tally[end] ?? 0) + 1;
      for (const waiter of waiting) if ((tally["ok"] ?? 0) >= waiter.at && waiting.delete(waiter)) waiter.resolve();
    }
  };
  const all = Promise.all(Array.from({ length: clients }, run));
  return {
    tally,
    stop: async () => {
      over.abort();
      await all;
      return tally;
    },
    answered(count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.add({ at: (tally["ok"] ?? 0) + count, resolve });
      return promise;
    },
  };
}

const REQUEST = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/** One request on a connection of its own. */
export function requestOnce(port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let got = "";
  Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(REQUEST),
      data: (_, bytes) => void (got += bytes.toString("latin1")),
      end: (socket) => void socket.end(),
      close: (_, error) => resolve(codeOf(error) ?? (got.startsWith("HTTP/1.1 200") && got.endsWith("ok") ? "ok" : "cut")),
      error: (_, error) => resolve(codeOf(error) ?? "error"),
      connectError: (_, error) => resolve(`connect ${codeOf(error)}`),
    },
  }).catch((error: unknown) => resolve(`connect ${codeOf(error)}`));
  return promise;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (errnoOf(error) ?? error.message) : undefined;
}
