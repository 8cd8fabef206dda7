import { OrcoError } from "../kernel/errors.ts";
import type { Plan } from "../runs/plan.ts";
import type { LogLine, RunFinish } from "../runs/ports.ts";
import type { NewCheckpoint, RunRecord, StepState } from "../runs/record.ts";
import { applyChange } from "../runs/step-change.ts";
import type { ClaimReply, ClaimRequest, HeartbeatRequest, LogsRequest, ReportRequest } from "../runs/worker-wire.ts";

/** One run as the fake has it; tests read it and change it. */
export interface FakeRun {
  readonly id: string;
  plan: Plan;
  attempt: number;
  dispatch: number;
  held: boolean;
  cancelled: boolean;
  paused: boolean;
  seen: number;
  reported: number;
  news: StepState[];
  readonly steps: Map<string, StepState>;
  readonly checkpoints: NewCheckpoint[];
  readonly lines: LogLine[];
  readonly workers: string[];
  end?: RunFinish;
}

const NO_PLAN: Plan = { steps: [] };

/** What a daemon says to workers, over real HTTP and without anything behind it. */
export class FakeDaemon {
  readonly runs = new Map<string, FakeRun>();
  readonly calls: string[] = [];
  leaseMs = 30_000;
  /** Called before each request; a response returned here is the answer. `after`: it was carried out, and its answer is lost. */
  disturb: (call: string, moment: "before" | "after") => Response | undefined = () => undefined;
  private readonly server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: (request) => this.answer(request) });

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  add(id: string, plan: Plan = NO_PLAN): FakeRun {
    const fresh = { attempt: 0, dispatch: 1, held: false, cancelled: false, paused: false, seen: 0, reported: 0, news: [] };
    const run: FakeRun = { id, plan, ...fresh, steps: new Map(), checkpoints: [], lines: [], workers: [] };
    this.runs.set(id, run);
    return run;
  }

  /** As when a lease has run out. */
  requeue(run: FakeRun): void {
    run.held = false;
    run.attempt++;
    run.dispatch++;
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
  }

  private async answer(request: Request): Promise<Response> {
    const [, , id = "", call = "", ...rest] = new URL(request.url).pathname.split("/");
    this.calls.push(call);
    const run = this.runs.get(decodeURIComponent(id));
    try {
      const disturbed = this.disturb(call, "before");
      if (disturbed) return disturbed;
      if (!run) throw new OrcoError("not_found", "no such run");
      const body: unknown = request.method === "POST" ? await request.json() : rest;
      if (call !== "claim" && request.headers.get("authorization") !== `Bearer token-${run.attempt}`)
        throw new OrcoError("stale_attempt", "that attempt is over", { run: id });
      if (run.cancelled && (call === "report" || call === "finish"))
        throw new OrcoError("conflict", "it has ended", { from: "canceled", to: "running" });
      const reply = await this.carryOut(run, call, body);
      return this.disturb(call, "after") ?? Response.json(reply);
    } catch (error) {
      if (!(error instanceof OrcoError)) throw error;
      return Response.json(
        { code: error.code, message: error.message, ...error.facts },
        { status: error.code === "not_found" ? 404 : 409 },
      );
    }
  }

  private carryOut(run: FakeRun, call: string, body: unknown): unknown {
    switch (call) {
      case "claim":
        return this.claim(run, body as ClaimRequest);
      case "heartbeat":
        return this.heartbeat(run, body as HeartbeatRequest);
      case "report":
        return report(run, body as ReportRequest);
      case "logs":
        return run.lines.push(...(body as LogsRequest).lines);
      case "finish":
        return finish(run, body as RunFinish);
      case "steps":
        return lastCheckpoint(run, (body as string[])[0] ?? "");
      default:
        throw new OrcoError("not_found", `no route ${call}`);
    }
  }

  private claim(run: FakeRun, { worker, dispatch }: ClaimRequest): ClaimReply {
    if (run.held || run.end) throw new OrcoError("busy", "it is held by another worker", { run: run.id });
    if (dispatch !== run.dispatch) throw new OrcoError("stale_attempt", "an old job", { run: run.id });
    run.held = true;
    run.attempt++;
    run.reported = 0;
    run.workers.push(worker);
    const { plan, seen, attempt } = run;
    return {
      runId: run.id,
      attempt,
      token: `token-${attempt}`,
      lease_ms: this.leaseMs,
      run: record(run),
      plan,
      input: {},
      steps: [...run.steps.values()],
      seen,
    };
  }

  private async heartbeat(run: FakeRun, { seen = 0, wait_ms: waitMs = 0 }: HeartbeatRequest): Promise<unknown> {
    const { attempt } = run;
    for (const until = performance.now() + waitMs; performance.now() < until && run.seen <= seen && run.attempt === attempt;)
      await Bun.sleep(2);
    if (run.attempt !== attempt) throw new OrcoError("stale_attempt", "that attempt is over", { run: run.id });
    return {
      lease_ms: this.leaseMs,
      cancel_requested: run.cancelled,
      paused: run.paused,
      seen: run.seen,
      steps: run.seen > seen ? run.news : [],
    };
  }
}

function report(run: FakeRun, { n = 0, changes = [], checkpoints = [] }: ReportRequest): unknown {
  if (n > run.reported) {
    const steps = new Map(run.steps);
    for (const change of changes) steps.set(change.step, applyChange(steps.get(change.step), change, Date.now()));
    for (const [id, step] of steps) run.steps.set(id, step);
    run.checkpoints.push(...checkpoints);
    run.reported = n;
  }
  return { checkpoint_ids: checkpoints.map((_, at) => `c${at}`) };
}

function finish(run: FakeRun, end: RunFinish): unknown {
  if (run.end) throw new OrcoError("conflict", "it has ended", { from: run.end.status });
  run.end = end;
  return { ok: true };
}

function lastCheckpoint(run: FakeRun, step: string): unknown {
  const last = run.checkpoints.findLast((checkpoint) => checkpoint.step === step);
  if (!last) throw new OrcoError("not_found", "it has none");
  return { data: last.data };
}

function record({ id, attempt, dispatch }: FakeRun): RunRecord {
  const fixed = { engine: "plan", kind: "plan", mode: "redis", status: "running", name: "", owner: "", metadata: {} } as const;
  return { ...fixed, id, lane: `run/${id}`, priority: 0, createdAt: 0, attempt, dispatch, losses: 0 };
}
