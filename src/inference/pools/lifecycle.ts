import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { machine } from "../../kernel/machine.ts";

/**
 *  serving ──drain──▶ draining ──expire──▶ drained
 *     ▲               │  ▲  ╰─drain (another deadline)
 *     ╰──── renew ────┴──┼───────────────────╯
 *                        ╰─────── drain ─────╯
 *
 * `renew`: somebody resumes it, a PUT of the pool, or a reload that went well.
 */
const POOL = machine(
  {
    serving: { drain: "draining", renew: "serving" },
    draining: { drain: "draining", expire: "drained", renew: "serving" },
    drained: { drain: "draining", renew: "serving" },
  },
  "pool",
);

/** Whether a pool takes tasks, and when what is left in it ends. */
export class Drain {
  private state: (typeof POOL.states)[number] = "serving";
  private cancel: CancelTimer = () => undefined;

  /** `onExpire`: the deadline has passed, and nobody has renewed the pool. */
  constructor(
    private readonly clock: Clock,
    private readonly onExpire: () => void,
  ) {}

  get draining(): boolean {
    return this.state !== "serving";
  }

  begin(deadlineMs: number): void {
    this.state = POOL.next(this.state, "drain");
    this.cancel();
    this.cancel = this.clock.after(deadlineMs, () => {
      this.state = POOL.next(this.state, "expire");
      this.onExpire();
    });
  }

  renew(): void {
    this.state = POOL.next(this.state, "renew");
    this.cancel();
  }

  close(): void {
    this.cancel();
  }
}
