import type { Clock } from "../kernel/clock.ts";
import { type ErrorCode, messageOf, OrcoError, type Facts } from "../kernel/errors.ts";
import type { Ledger, StepRunner } from "../runs/ports.ts";
import type { JobData } from "../runs/redis/queue.ts";
import type { ClaimReply } from "../runs/worker-wire.ts";
import { FencedRunner } from "./fenced-runner.ts";
import { insist } from "./insist.ts";
import { RemoteLedger } from "./remote-ledger.ts";
import { claimRun, RunApi } from "./run-api.ts";

/** Carries a run through its plan. Resolves with whether it has ended; else it may not be written any more. */
export type Drive = (parts: {
  readonly ledger: Ledger;
  readonly runner: StepRunner;
  readonly api: { url: string; token: string };
}) => Promise<boolean>;

export interface OneRunOptions {
  /** Of the daemon. */
  readonly api: string;
  readonly key?: string;
  readonly name: string;
  readonly clock: Clock;
  readonly runner: StepRunner;
  readonly drive: Drive;
  /** Aborts when runs under way are to be handed back. */
  readonly handBack: AbortSignal;
  readonly log: (message: string, facts: Facts) => void;
}

/** A daemon that is away for longer gets the run dispatched anew when it is back. */
const CLAIM_PATIENCE_MS = 60_000;
/** Somebody else was faster, or it has ended: the job is done. */
const NOT_OURS: ReadonlySet<ErrorCode> = new Set(["not_found", "conflict", "stale_attempt", "busy", "not_external"]);

/** One job: claims its run and carries it through. Rejects when it could not be claimed and still waits; `unauthorized`: the daemon refuses this worker's key. */
export async function workOn(job: JobData, options: OneRunOptions): Promise<void> {
  const { clock, log, handBack } = options;
  const found = await claimed(job, options);
  if (!found) return;
  const { claim, since } = found;
  const { plan, attempt } = claim;
  if (!plan) throw new OrcoError("internal", `run ${job.runId} has no plan`);
  const facts = { run: job.runId, attempt };
  log("run claimed", facts);
  const onError = (error: unknown): void => log("lines of a run's log are lost", { ...facts, error: messageOf(error) });
  const api = { url: options.api, token: claim.token };
  const ledger = new RemoteLedger({ claim: { ...claim, plan }, since, api: new RunApi({ ...api, run: job.runId, clock }), clock, onError });
  const letGo = (): void => ledger.close();
  handBack.addEventListener("abort", letGo, { once: true });
  const runner = new FencedRunner(options.runner, ledger.lost);
  let isOver = false;
  try {
    isOver = await options.drive({ ledger, runner, api });
    log("run ended here", { ...facts, ...(!isOver && ledger.lost.aborted && { why: messageOf(ledger.lost.reason) }) });
  } finally {
    handBack.removeEventListener("abort", letGo);
    ledger.close();
    await runner.quiet();
    if (!isOver && handBack.aborted) await ledger.handBack();
    await runner.forget(job.runId);
  }
}

interface Claimed {
  readonly claim: ClaimReply;
  /** Monotonic ms when it was sent. */
  readonly since: number;
}

/** Undefined when the run is not for this worker. */
async function claimed(
  { runId, dispatch }: JobData,
  { api, key, name, clock, handBack, log }: OneRunOptions,
): Promise<Claimed | undefined> {
  const patience = new AbortController();
  const cancel = clock.after(CLAIM_PATIENCE_MS, () => patience.abort(new OrcoError("unreachable", "the daemon did not answer a claim")));
  const target = { url: api, ...(key !== undefined && { key }), clock };
  try {
    return await insist(clock, AbortSignal.any([patience.signal, handBack]), async () => {
      const since = clock.monotonic();
      return { since, claim: await claimRun(target, runId, { worker: name, dispatch }) };
    });
  } catch (error) {
    if (!(error instanceof OrcoError) || !NOT_OURS.has(error.code)) throw error;
    log("run left alone", { run: runId, why: error.message });
    return undefined;
  } finally {
    cancel();
  }
}
