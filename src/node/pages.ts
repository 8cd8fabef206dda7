import type { HeartbeatPool } from "../inference/nodes/node.ts";
import type { Book } from "./book.ts";

export interface Page {
  readonly status: number;
  readonly body: unknown;
}

const HEALTH = /^\/v2\/pools\/([^/]+)\/health$/;

/** The pool-manager API (inference.md, "Nodes"). Undefined: there is nothing at that path. */
export function pagesOf(book: Book, entries: () => Promise<readonly HeartbeatPool[]>): (path: string) => Promise<Page | undefined> {
  return async (path) => {
    if (path === "/health") return { status: 200, body: { ok: true, ...(book.trouble !== undefined && { trouble: book.trouble }) } };
    if (path === "/v2/pools") return { status: 200, body: { pools: await entries() } };
    const [, id] = HEALTH.exec(path) ?? [];
    return id === undefined ? undefined : healthOf(book, id);
  };
}

function healthOf(book: Book, id: string): Page | undefined {
  const pool = book.pool(id);
  if (!pool) return undefined;
  const { ready, draining, slots_total, slots_free, queue_depth, last_error = null } = pool;
  const there = book.trouble === undefined;
  const metrics = { slots_total, slots_free, queue_depth };
  return {
    status: 200,
    body: {
      live: there && pool.replicas.some((replica) => replica.ready),
      ready: there && ready,
      draining,
      metrics,
      last_error: book.trouble ?? last_error,
    },
  };
}
