import { errnoOf } from "../../kernel/errors.ts";
import type { HeldClaim } from "../pool/hold.ts";
import type { Lease } from "../pool/lease.ts";
import { MAX_HELD, type Target } from "../route.ts";
import type { Wire } from "../wire.ts";
import { FAILURES, type Failure } from "./page.ts";
import type { Service, Site } from "./service.ts";
import { Upstream } from "./upstream.ts";

/** When all targets refuse, they are tried again after this, then after twice as long, … */
const RETRY_MS = 100;
const MAX_RETRY_MS = 800;

export interface ReachOwner {
  /** The request is repeatable: it may be sent again when a connection turns out to be closed. */
  readonly repeatable: boolean;
  reached(upstream: Upstream): void;
  unreachable(failure: Failure): void;
  /** Another target, or the same one again, is tried. */
  triedAgain(): void;
  /** `waited` is to be called then. */
  waitUntil(dueAt: number): void;
  cut(): void;
}

/** The way of one request to a connection: a target, else a place in the queue; an idle connection, else a new one; another target after a refusal. */
export class Reach implements HeldClaim {
  refused: Set<string> | undefined;
  lease: Lease | undefined;
  private leaveQueue: (() => void) | undefined;
  private over = false;
  private retryMs = RETRY_MS;
  /** Monotonic ms; 0 until it has to wait. */
  private giveUpAt = 0;

  constructor(
    private readonly owner: ReachOwner,
    private readonly from: { readonly site: Site; readonly service: Service },
    readonly stick: string | undefined,
  ) {}

  get held(): boolean {
    return this.leaveQueue !== undefined;
  }

  start(): void {
    const lease = this.from.site.pool.acquire(this);
    if (lease) this.connect(lease);
    else this.hold();
  }

  /** A new connection, to another target if there is one: of one that was killed the kernel takes connections a moment longer. */
  dialAgain(): void {
    const lost = this.lease;
    if (!lost) return;
    this.refused = new Set(this.refused).add(lost.target.id);
    const other = this.from.site.pool.acquire(this);
    if (other) {
      lost.release();
      this.lease = other;
    } else this.refused.delete(lost.target.id);
    this.dial((other ?? lost).target);
  }

  /** It is over, in whatever way. */
  release(): void {
    this.over = true;
    this.unhold();
    this.lease?.release();
    this.lease = undefined;
  }

  admit(lease: Lease): void {
    this.unhold();
    this.connect(lease);
  }

  giveUp(): void {
    this.unhold();
    this.owner.unreachable(this.refused ? FAILURES.target_refused : FAILURES.no_target);
  }

  /** The time given to `waitUntil` has come. */
  waited(now: number): void {
    if (!this.held) return;
    if (now >= this.giveUpAt) return this.giveUp();
    this.unhold();
    this.refused = undefined;
    this.owner.triedAgain();
    this.start();
  }

  cut(): void {
    this.owner.cut();
  }

  private connect(lease: Lease): void {
    this.lease = lease;
    const idle = this.from.service.idle.take(lease.target.id, this.owner.repeatable);
    if (idle) this.owner.reached(idle);
    else this.dial(lease.target);
  }

  private dial(target: Target): void {
    const { service, site } = this.from;
    const upstream = new Upstream(target, service.deadlines, service.idle.forget);
    service.dial({ host: target.host, port: target.port, timeoutMs: site.front.timeouts.connectMs }, upstream).then(
      (wire) => this.dialled(upstream, wire),
      (error: unknown) => this.failed(target, error),
    );
  }

  private dialled(upstream: Upstream, wire: Wire): void {
    upstream.opened(wire);
    if (wire.closed) this.failed(upstream.target, undefined);
    else if (this.over) this.from.service.idle.put(upstream);
    else this.owner.reached(upstream);
  }

  /** Nothing was sent yet: trying another target is always safe. */
  private failed(target: Target, error: unknown): void {
    if (this.over) return;
    this.lease?.release();
    this.lease = undefined;
    if (errnoOf(error) === "ETIMEDOUT") return this.owner.unreachable(FAILURES.connect_timeout);
    this.refused ??= new Set();
    this.refused.add(target.id);
    const lease = this.from.site.pool.acquire(this);
    if (!lease) return this.hold();
    this.owner.triedAgain();
    this.connect(lease);
  }

  private hold(): void {
    const { pool, front, meter } = this.from.site;
    const now = this.from.service.clock.monotonic();
    this.giveUpAt ||= now + front.holdTimeoutMs;
    this.leaveQueue = pool.hold(this);
    if (!this.leaveQueue) return this.owner.unreachable(this.notHeld(pool.held));
    meter.addHeld(1);
    if (!this.refused) return;
    this.owner.waitUntil(Math.min(now + this.retryMs, this.giveUpAt));
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
  }

  private notHeld(held: number): Failure {
    if (held >= MAX_HELD) return FAILURES.too_many_held;
    return this.refused ? FAILURES.target_refused : FAILURES.no_target;
  }

  private unhold(): void {
    if (!this.leaveQueue) return;
    this.leaveQueue();
    this.leaveQueue = undefined;
    this.from.site.meter.addHeld(-1);
  }
}
