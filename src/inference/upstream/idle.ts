import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { Link } from "./link.ts";

/** Of one engine. */
const MAX_IDLE_PER_ENGINE = 16;
const MAX_IDLE = 256;
/** Engines close theirs after 5 s. */
const IDLE_MS = 3000;

interface Idle {
  readonly link: Link;
  readonly cancelTimer: CancelTimer;
}

/** Connections that wait for their next request, by engine; the one used last is used next. */
export class IdleLinks {
  private readonly links = new Map<string, Idle[]>();
  private size = 0;

  constructor(private readonly clock: Clock) {}

  take(label: string): Link | undefined {
    const idle = this.links.get(label)?.at(-1);
    if (!idle) return undefined;
    this.forget(label, idle.link);
    return idle.link;
  }

  put(label: string, link: Link): void {
    const known = this.links.get(label) ?? [];
    if (known.length >= MAX_IDLE_PER_ENGINE || this.size >= MAX_IDLE) return link.destroy();
    const drop = (): void => {
      this.forget(label, link);
      link.destroy();
    };
    // Whatever comes now was not asked for.
    link.handlers = { data: drop, end: drop, lost: () => this.forget(label, link) };
    known.push({ link, cancelTimer: this.clock.after(IDLE_MS, drop) });
    this.links.set(label, known);
    this.size += 1;
  }

  close(): void {
    for (const [label, idle] of this.links) {
      for (const { link } of idle.slice()) {
        this.forget(label, link);
        link.destroy();
      }
    }
  }

  private forget(label: string, link: Link): void {
    const known = this.links.get(label);
    const at = known?.findIndex((idle) => idle.link === link) ?? -1;
    if (!known || at === -1) return;
    known[at]?.cancelTimer();
    known.splice(at, 1);
    this.size -= 1;
    if (known.length === 0) this.links.delete(label);
  }
}
