import { resolve } from "node:path";
import { pause, type RunApi } from "./run-api.ts";
import { between } from "./rig.ts";

const LEDGER_STEP = resolve(import.meta.dirname, "../programs/ledger-step.sh");
const ALWAYS = 1000;
const ITEMS = 5;
const LOOK_MS = 30;
/** Within this time of its life a run is told what it is told. */
const MEANWHILE_MS = 1500;
export const ROUNDS = 4;
/** Of processes: each of them, where it completes, has recorded all its rounds. */
export const PROCESS_STEP = /^(?:first|flaky|each\[\d+\]|last|bad|clean)$/;

export type Fate = "completes" | "fails" | "is cancelled";

export interface MadeRun {
  readonly id: string;
  readonly fate: Fate;
  /** The cancellation came too late. */
  late?: boolean;
}

interface Site {
  readonly ledger: string;
  /** Answers a POST after a moment. */
  readonly hook: string;
}

/** Command of a step that keeps a ledger, with `rounds` checkpoints. */
export function ledgerStep(ledger: string, rounds: number, pauseS: number): readonly string[] {
  return [LEDGER_STEP, ledger, String(rounds), pauseS.toFixed(3)];
}

export function planFor(fate: Fate, { ledger, hook }: Site): object {
  const command = (...more: readonly string[]) => [...ledgerStep(ledger, ROUNDS, between(0.02, 0.3)), ...more];
  const retry = { max: 3, backoff: { min_ms: 20, max_ms: 50 } };
  const bad = fate === "fails" ? [{ id: "bad", needs: ["first"], command: command(String(ALWAYS)), retry: { ...retry, max: 1 } }] : [];
  return {
    steps: [
      { id: "first", command: command() },
      { id: "flaky", command: command("1"), retry },
      {
        id: "each",
        needs: ["first"],
        command: command(),
        for_each: { items: Array.from({ length: ITEMS }, (_, at) => at), max_parallel: 3 },
      },
      { id: "hook", needs: ["flaky"], http: { method: "POST", url: `${hook}/\${run.id}`, body: { from: "${run.id}" } } },
      { id: "wait", wait_for: { signal: "go" } },
      { id: "gate", needs: ["hook"], approval: { summary: "go on?" } },
      ...bad,
      { id: "last", needs: ["gate", "each", "wait", ...(fate === "fails" ? ["bad"] : [])], command: command() },
      { id: "clean", needs: ["last"], when: "failure", command: command() },
    ],
    max_parallel: 6,
  };
}

/** Keeps a few runs under way through all deaths of the daemon: makes them, approves what waits, cancels those that are to be. */
export class PlanRuns {
  readonly made: MadeRun[] = [];
  readonly problems: string[] = [];
  private over = false;
  private readonly working: Promise<void>[];

  constructor(
    private readonly api: RunApi,
    private readonly options: { readonly atOnce: number; readonly site: Site },
  ) {
    this.working = Array.from({ length: options.atOnce }, () => this.work());
  }

  /** After those under way have ended. */
  async stop(): Promise<void> {
    this.over = true;
    await Promise.all(this.working);
  }

  private async work(): Promise<void> {
    while (!this.over && this.problems.length === 0) await this.carry().catch((error: unknown) => this.problems.push(String(error)));
  }

  private async carry(): Promise<void> {
    const chance = Math.random();
    const fate: Fate = chance < 0.5 ? "completes" : chance < 0.75 ? "fails" : "is cancelled";
    const made = await this.api.insist("/runs", { body: { plan: planFor(fate, this.options.site) }, key: crypto.randomUUID() });
    if (made?.status !== 201) throw new Error(`no run: ${JSON.stringify(made)}`);
    const run: MadeRun = { id: String(made.body["runId"]), fate };
    this.made.push(run);
    const meanwhile = [this.signalLater(run.id), this.rest(run.id), ...(fate === "is cancelled" ? [this.cancelLater(run)] : [])];
    await Promise.all([this.approveUntilEnd(run.id), ...meanwhile]);
  }

  /** Before or after the step waits for it. */
  private async signalLater(id: string): Promise<void> {
    await pause(between(0, MEANWHILE_MS));
    await this.tell(`/runs/${id}/signals/go`, { data: { n: 1 } });
  }

  /** It is paused for a while. */
  private async rest(id: string): Promise<void> {
    await pause(between(0, MEANWHILE_MS));
    await this.tell(`/runs/${id}/pause`);
    await pause(between(0, MEANWHILE_MS / 4));
    await this.tell(`/runs/${id}/resume`);
  }

  /** 409: the run is over, or ending. */
  private async tell(path: string, body: object = {}): Promise<void> {
    const answer = await this.api.insist(path, { body });
    if (answer?.status !== 200 && answer?.status !== 409) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  }

  private async cancelLater(run: MadeRun): Promise<void> {
    await pause(between(0, MEANWHILE_MS));
    const answer = await this.api.insist(`/runs/${run.id}`, { method: "DELETE" });
    run.late = answer?.status === 409 && answer.body["from"] === "completed";
    if (answer?.status !== 200 && !run.late) throw new Error(`cancel of ${run.id}: ${JSON.stringify(answer)}`);
  }

  private async approveUntilEnd(id: string): Promise<void> {
    for (let isOver = false; !isOver; await pause(LOOK_MS)) {
      const answer = await this.api.insist(`/runs/${id}`);
      const { endedAt, waiting } = (answer?.body["run"] ?? {}) as { endedAt?: string; waiting?: { kind: string } };
      if (answer?.status !== 200) throw new Error(`${id}: ${JSON.stringify(answer)}`);
      isOver = endedAt !== undefined;
      if (waiting?.kind !== "approval") continue;
      const decided = await this.api.insist(`/runs/${id}/approvals`, { body: { decision: "approve" } });
      // It was told before, and the answer lost; or somebody cancelled the run.
      if (decided?.status !== 200 && decided?.status !== 409) throw new Error(`approval of ${id}: ${JSON.stringify(decided)}`);
    }
  }
}
