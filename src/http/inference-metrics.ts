import type { Meter } from "../inference/meter.ts";
import { type Family, Histogram, type Labels, Series } from "./metrics.ts";

/** Label values of pools that are kept; beyond, those that are gone make room, then the rest is counted together. */
const MAX_POOLS = 200;
/** Pools times the codes of failures. */
const MAX_ROWS = 20 * MAX_POOLS;
/** Of a task that was refused before a pool was chosen. */
const NO_POOL = "none";
const OTHER = "other";
/** Milliseconds. */
const WAIT_BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000];
const FIRST_TOKEN_BOUNDS = [5, 10, 25, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000];
const DECODE_BOUNDS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000];

/** Metrics of the inference control plane (inference.md), counted since this daemon began. `pools`: ids of those that are there. */
export class InferenceMetrics implements Meter {
  private readonly known = new Set([NO_POOL]);
  private readonly depth = gauge("orchd_admission_queue_depth", "Tasks that wait.");
  private readonly entered = counter("orchd_admission_enqueued_total", "Tasks that were admitted to a queue.");
  private readonly refused = counter("orchd_admission_rejected_total", "Tasks that were refused, or put out of a queue, by error code.");
  private readonly done = counter("orchd_tasks_dispatched_total", "Dispatched tasks that have ended.");
  private readonly checks = counter("orchd_pool_health_checks_total", "Times an engine was asked how it is.");
  private readonly read = counter("tokens_in_total", "Tokens of prompts, as far as engines told.");
  private readonly written = counter("tokens_out_total", "Tokens that came from engines.");
  private readonly waited = histogram("orchd_dispatch_latency_ms", "From acceptance to dispatch.", WAIT_BOUNDS);
  private readonly first = histogram("latency_first_token_ms", "From dispatch to the first token.", FIRST_TOKEN_BOUNDS);
  private readonly decoded = histogram("latency_decode_ms", "From the first token to the last.", DECODE_BOUNDS);
  private readonly unread = counter("orchd_frames_skipped_total", "Frames of engines that could not be read, and were passed over.");
  private readonly nodes = gauge("orchd_nodes_online", "Nodes that are Online.");
  private readonly stopped = counter("tasks_canceled_total", "Tasks that were canceled.");
  private readonly decisions = counter("placement_decisions_total", "Decisions at admission: placed, or why not.");

  constructor(private readonly pools: () => Iterable<string>) {
    this.nodes.set({}, 0);
  }

  queueDepth(pool: string, depth: number): void {
    this.depth.set(this.of(pool), depth);
  }

  enqueued(pool: string, outcome: "accepted" | "rejected"): void {
    this.entered.add({ ...this.of(pool), outcome });
  }

  rejected(pool: string, reason: string): void {
    this.refused.add({ ...this.of(pool), reason });
  }

  dispatched(pool: string, outcome: "ok" | "error" | "canceled"): void {
    this.done.add({ ...this.of(pool), outcome });
  }

  dispatchLatency(pool: string, ms: number): void {
    this.waited.observe(this.of(pool), ms);
  }

  healthCheck(pool: string, outcome: "ok" | "error"): void {
    this.checks.add({ ...this.of(pool), outcome });
  }

  nodesOnline(count: number): void {
    this.nodes.set({}, count);
  }

  tokensIn(pool: string, count: number): void {
    this.read.add(this.of(pool), count);
  }

  tokensOut(pool: string, count: number): void {
    this.written.add(this.of(pool), count);
  }

  firstToken(pool: string, ms: number): void {
    this.first.observe(this.of(pool), ms);
  }

  decode(pool: string, ms: number): void {
    this.decoded.observe(this.of(pool), ms);
  }

  frameSkipped(pool: string): void {
    this.unread.add(this.of(pool));
  }

  canceled(reason: string): void {
    this.stopped.add({ reason });
  }

  placed(outcome: string): void {
    this.decisions.add({ outcome });
  }

  families(): Family[] {
    // A queue that is no more has no depth; what was counted stays.
    this.depth.forget(this.gone());
    return [this.nodes, this.stopped, this.decisions, ...this.ofPools()].map((one) => one.family());
  }

  private of(pool: string): { pool_id: string } {
    if (this.known.has(pool)) return { pool_id: pool };
    if (this.known.size >= MAX_POOLS) this.makeRoom();
    if (this.known.size >= MAX_POOLS) return { pool_id: OTHER };
    this.known.add(pool);
    return { pool_id: pool };
  }

  private makeRoom(): void {
    const gone = this.gone();
    for (const id of this.known) if (gone({ pool_id: id })) this.known.delete(id);
    for (const one of this.ofPools()) one.forget(gone);
  }

  private gone(): (labels: Labels) => boolean {
    const there = new Set([NO_POOL, OTHER, ...this.pools()]);
    return ({ pool_id: id }) => id !== undefined && !there.has(id);
  }

  private ofPools(): (Series | Histogram)[] {
    const { depth, entered, refused, done, waited, checks, read, written, first, decoded, unread } = this;
    return [depth, entered, refused, done, waited, checks, read, written, first, decoded, unread];
  }
}

function counter(name: string, help: string): Series {
  return new Series({ name, help, type: "counter" }, MAX_ROWS);
}

function gauge(name: string, help: string): Series {
  return new Series({ name, help, type: "gauge" }, MAX_ROWS);
}

function histogram(name: string, help: string, bounds: readonly number[]): Histogram {
  return new Histogram({ name, help }, bounds, MAX_ROWS);
}
