import type { Deadlines } from "./deadlines.ts";
import type { Upstream } from "./upstream.ts";

/** Shorter than what common servers grant (Node and uvicorn: 5 s), so that few connections are closed under a request. */
const IDLE_MS = 4_000;
/** Of those, what a request that must not be sent twice may use: gunicorn grants 2 s. */
const FRESH_MS = 1_000;
/** Of one target; what is more is closed after its answer. */
const MAX_IDLE = 256;

/** Connections that wait for the next request, by target. Only targets that may get requests have any. */
export class IdleUpstreams {
  private byTarget = new Map<string, Upstream[]>();

  constructor(private readonly deadlines: Deadlines) {}

  /** Connections of all other targets are closed: one that drains must not wait for them. */
  serve(targets: Iterable<string>): void {
    const before = this.byTarget;
    this.byTarget = new Map();
    for (const target of targets) this.byTarget.set(target, before.get(target) ?? []);
    for (const [target, idle] of before) if (!this.byTarget.has(target)) for (const one of idle) one.finish();
  }

  /** The one used last. `repeatable`: the request may be sent again when the target has closed the connection meanwhile. */
  take(target: string, repeatable: boolean): Upstream | undefined {
    const idle = this.byTarget.get(target);
    const last = idle?.at(-1);
    if (!idle || !last) return undefined;
    if (!repeatable && this.deadlines.now - last.idleSince > FRESH_MS) return undefined;
    idle.pop();
    last.dueAt = Infinity;
    return last;
  }

  /** After an answer that ended where it should. */
  put(upstream: Upstream): void {
    const idle = this.byTarget.get(upstream.target.id);
    if (!idle || idle.length >= MAX_IDLE) return upstream.finish();
    upstream.user = undefined;
    upstream.wire.resume();
    upstream.reused = true;
    upstream.idleSince = this.deadlines.now;
    upstream.dueAt = upstream.idleSince + IDLE_MS;
    idle.push(upstream);
  }

  readonly forget = (upstream: Upstream): void => {
    const idle = this.byTarget.get(upstream.target.id);
    const at = idle?.lastIndexOf(upstream) ?? -1;
    if (at !== -1) idle?.splice(at, 1);
  };

  /** Closes all of them. */
  clear(): void {
    this.serve([]);
  }
}
