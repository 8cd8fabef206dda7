import { join } from "node:path";
import { type Contract, other, Refusal, type SlotName, sleep } from "./contract.ts";
import { checkOut, resolveCommit } from "./git.ts";
import type { Is } from "./mutants.ts";
import { Proxy } from "./proxy.ts";
import { AppProcess, killLeft } from "./slot.ts";
import { loadState, saveState, type State } from "./state.ts";

const RESTART_MS = 100;
const LATE_SWAP_MS = 500;

export interface Options {
  readonly repo: string;
  readonly home: string;
  readonly contract: Contract;
  readonly is: Is;
}

/** Two slots, at most one process in each, and the rule which one is live. One change at a time. */
export class Orchestrator {
  private state: State;
  private busy = false;
  private readonly processes = new Map<SlotName, AppProcess>();
  private readonly proxy: Proxy;
  /** Only a mutant looks further back than the previous slot. */
  private readonly history: string[] = [];

  constructor(private readonly options: Options) {
    const { home, contract, is } = options;
    this.state = loadState(is("forgetful") ? "/nonexistent" : home);
    this.proxy = new Proxy(contract.port);
    for (const trace of this.state.traces) killLeft(trace);
    const { live } = this.state;
    if (live) void this.keepRunning(live);
  }

  status(): object {
    const { live, previous, commits, lastDeployTime } = this.state;
    const { is } = this.options;
    const process = live && this.processes.get(live);
    return {
      live_slot: live,
      live_commit: live ? this.shown(commits[live]) : null,
      previous_slot: previous,
      previous_commit: previous ? this.shown(commits[is("wrong-previous") && live ? live : previous]) : null,
      last_deploy_time: lastDeployTime && is("epoch-time") ? Date.parse(lastDeployTime) : lastDeployTime,
      healthy: is("always-healthy") || (process?.running === true && process.ready),
    };
  }

  deploy(ref: unknown): Promise<object> {
    return this.alone(async () => {
      const { repo, is } = this.options;
      const commit = await resolveCommit(repo, ref, is);
      const { live, previous, commits } = this.state;
      const slot = live ? other(live) : "blue";
      if (is("old-ends-first") && live) await this.processes.get(live)?.stop();
      try {
        await this.boot(slot, commit);
      } catch (error) {
        const kept = previous && commits[previous];
        if (is("failure-costs-previous")) this.save({ previous: null });
        else if (kept) await checkOut(repo, kept, this.folderOf(slot));
        throw error;
      }
      const before = live ? commits[live] : undefined;
      if (is("many-previous") && before) this.history.push(before);
      await this.promote(slot, { ...commits, [slot]: commit });
      return { success: true, slot, commit: this.shown(commit), previous_commit: this.shown(is("wrong-previous") ? commit : before) };
    });
  }

  rollback(): Promise<object> {
    return this.alone(async () => {
      const { is } = this.options;
      const { previous: slot, commits } = this.state;
      const commit = is("many-previous") ? this.history.pop() : slot && commits[slot];
      if (is("rollback-to-nothing") && !commit) return { success: true, slot: "blue", commit: null };
      if (!slot || !commit) throw new Refusal(409, "there is no previous slot to go back to");
      await this.boot(slot, commit, is("unchecked-rollback"));
      await this.promote(slot, { ...commits, [slot]: commit });
      return { success: true, slot, commit: this.shown(commit) };
    });
  }

  private async alone(change: () => Promise<object>): Promise<object> {
    if (this.busy && !this.options.is("two-at-once")) throw new Refusal(409, "a change is in progress");
    this.busy = true;
    try {
      return await change();
    } finally {
      this.busy = false;
    }
  }

  /** The commit runs in the slot and is healthy, or nothing runs there. */
  private async boot(slot: SlotName, commit: string, unchecked = false): Promise<void> {
    const { repo, is } = this.options;
    await this.processes.get(slot)?.stop();
    await checkOut(repo, commit, this.folderOf(slot));
    const process = this.run(slot);
    if (is("swap-then-check")) this.proxy.swap(process.port);
    try {
      if (!unchecked) await process.healthy();
    } catch (error) {
      const { live } = this.state;
      if (is("swap-then-check") && live) this.proxy.swap(this.portOf(live));
      if (is("swap-on-failure")) this.proxy.swap(process.port);
      else if (!is("leave-failed")) await process.stop();
      throw error;
    }
  }

  /** The traffic moves; what is under way on the old slot gets its time. */
  private async promote(slot: SlotName, commits: State["commits"]): Promise<void> {
    const { contract, is } = this.options;
    const { live: old } = this.state;
    const isRollback = this.state.commits[slot] === commits[slot];
    const swap = (): void => this.proxy.swap(this.portOf(slot));
    if (is("late-swap")) void sleep(LATE_SWAP_MS).then(swap);
    else if (!is("no-swap") && !(is("rollback-no-swap") && isRollback)) swap();
    if (is("close-on-swap")) this.proxy.dropClients();
    const forgets = is("no-previous") || (is("one-way-rollback") && isRollback);
    this.save({ live: slot, previous: forgets ? null : old, commits, lastDeployTime: new Date().toISOString() });
    void this.keepRunning(slot);
    const process = old && this.processes.get(old);
    if (!process || old === slot || is("late-swap") || is("no-swap") || is("rollback-no-swap")) return;
    if (is("no-drain")) await process.stop(0);
    else await this.proxy.drain(process.port, is("endless-drain") ? Number.MAX_SAFE_INTEGER : contract.drain_timeout_ms);
    await process.stop();
  }

  private async keepRunning(slot: SlotName): Promise<void> {
    for (;;) {
      const process = this.processes.get(slot);
      await process?.ended;
      if (this.state.live !== slot || this.processes.get(slot) !== process) return;
      if (process && this.options.is("no-restart")) return;
      await sleep(RESTART_MS);
      const next = this.run(slot);
      await next.healthy().then(
        () => this.proxy.swap(next.port),
        () => next.stop(),
      );
    }
  }

  private run(slot: SlotName): AppProcess {
    const { contract, is } = this.options;
    const process = new AppProcess(contract, { folder: this.folderOf(slot), port: this.portOf(slot), is });
    this.processes.set(slot, process);
    this.save({});
    return process;
  }

  private save(change: Partial<State>): void {
    const traces = [...this.processes.values()].filter(({ running }) => running).map(({ trace }) => trace);
    this.state = { ...this.state, ...change, traces };
    saveState(this.options.home, this.state);
  }

  private portOf(slot: SlotName): number {
    return this.options.contract.internal_port + (slot === "blue" ? 0 : 1);
  }

  private folderOf(slot: SlotName): string {
    return join(this.options.home, slot);
  }

  private shown(commit: string | undefined): string | null {
    return commit === undefined ? null : this.options.is("short-sha") ? commit.slice(0, 7) : commit;
  }
}
