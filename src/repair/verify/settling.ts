import { formatSpan } from "../../kernel/duration.ts";
import type { ContainerState } from "../finding.ts";
import type { Look } from "./check.ts";

/** Docker starts it anew ever later; by then it is plain that it does not come up. */
const MAX_RESTARTS = 3;

/** Whether a container runs and goes on running; told what docker says, and when. */
export class Settling {
  private since: { readonly state: ContainerState; readonly atMs: number } | undefined;
  private restartsAtFirst: number | undefined;

  constructor(private readonly settleMs: number) {}

  /** `atMs`: monotonic. Not final: more looks are needed. */
  saw(state: ContainerState | undefined, atMs: number): Look {
    if (!state) return this.unsettled({ ok: false, detail: "there is no container of the service" });
    this.restartsAtFirst ??= state.restartCount;
    const restarts = state.restartCount - this.restartsAtFirst;
    if (restarts >= MAX_RESTARTS)
      return { ok: false, final: true, detail: `it does not stay up: docker started it anew ${restarts} times, ${endOf(state)}` };
    if (state.status === "running") return this.running(state, atMs);
    return this.unsettled(notRunning(state));
  }

  private running(state: ContainerState, atMs: number): Look {
    if (!this.since || !isSameRun(this.since.state, state)) this.since = { state, atMs };
    const upMs = atMs - this.since.atMs;
    if (upMs >= this.settleMs)
      return { ok: true, detail: this.settleMs === 0 ? "it runs" : `it runs, and was not restarted within ${formatSpan(this.settleMs)}` };
    return { ok: false, detail: `it runs since ${state.startedAt}; whether it stays up is not known yet` };
  }

  private unsettled(look: Look): Look {
    this.since = undefined;
    return look;
  }
}

/** Neither restarted nor replaced in between. */
export function isSameRun(one: ContainerState, other: ContainerState): boolean {
  return one.startedAt === other.startedAt && one.restartCount === other.restartCount;
}

/** What a container that does not run is to be told of. */
export function notRunning(state: ContainerState): Look {
  const { status, error } = state;
  if (status === "exited" || status === "dead") return { ok: false, final: true, detail: `it has ended: ${endOf(state)}` };
  if (status === "created" && error !== "") return { ok: false, final: true, detail: `docker could not start it: ${error}` };
  return { ok: false, detail: status === "restarting" ? `docker starts it anew: ${endOf(state)}` : `it is ${status}` };
}

function endOf({ exitCode, oomKilled, error }: ContainerState): string {
  const why = oomKilled ? ", killed for want of memory" : error === "" ? "" : ` (${error})`;
  return `exit code ${exitCode}${why}`;
}
