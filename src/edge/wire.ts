/**
 * A byte stream in both directions as the edge uses it: over Bun's plain sockets or node:tls, one contract (edge.md, design of speed and safety).
 * Whoever holds the wire is its only writer. `handlers` may be replaced at any time (parsing a head → passing a body → splicing).
 */
export interface Wire {
  handlers: WireHandlers;
  readonly remoteAddress: string;
  /** Server name the peer asked for; TLS only. */
  readonly serverName?: string | undefined;
  readonly secure: boolean;
  /** Bytes accepted by `write` that the kernel has not taken yet. */
  readonly queued: number;
  readonly closed: boolean;
  /** Takes all of it and returns `queued`. Above `HIGH_WATER` the caller pauses its source until `drain`. Ignored once closed. */
  write(bytes: Uint8Array): number;
  /** No more `data` until `resume`; what one event already carried is not taken back. */
  pause(): void;
  resume(): void;
  /** Half-closes when the queue is written: the peer sees the end of our bytes. */
  end(): void;
  /** Both directions at once and the queue dropped; the peer sees a reset (RST), never a clean end. */
  reset(): void;
}

export interface WireHandlers {
  /** Bytes are only valid during the call: copy what is kept. */
  data(bytes: Buffer): void;
  /** The queue fell to zero. */
  drain(): void;
  /** The peer sends no more; we may still write. */
  end(): void;
  /** Once, last: both directions are gone. `error`: it was not a clean close. */
  close(error?: Error): void;
}

/** A queue longer than this pauses the producer. */
export const HIGH_WATER = 64 * 1024;

/** Opens a wire to a target. Rejects with the errno in `code`: ECONNREFUSED, ETIMEDOUT (after `timeoutMs`), EHOSTUNREACH … */
export type Dial = (to: { host: string; port: number; timeoutMs: number }, handlers: WireHandlers) => Promise<Wire>;
