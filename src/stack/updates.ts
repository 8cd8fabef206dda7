import type { Clock } from "../kernel/clock.ts";
import type { UpdatePhase } from "./rollout.ts";
import type { UpdateSpec } from "./spec.ts";

/** An update under way, as stored. `since`: when its phase began, epoch ms. */
export interface UpdateRow {
  readonly run: string;
  readonly strategy: UpdateSpec["strategy"];
  /** Config hash of what it brings. */
  readonly config: string;
  readonly phase: UpdatePhase;
  readonly since: number;
  /** What a person has decided about it. */
  readonly decision?: "promote" | "abort";
}

interface UpdateStore {
  updates(stack: string): { service: string; row: UpdateRow }[];
  /** Throws `disk_full`. */
  saveUpdate(stack: string, service: string, row: UpdateRow): Promise<void>;
  /** Throws `disk_full`. */
  removeUpdate(stack: string, service: string): Promise<void>;
}

interface UpdatesOptions {
  readonly stack: string;
  readonly clock: Clock;
  readonly store: UpdateStore;
  readonly onChange: () => void;
}

/** The updates of one stack. On disk before they count, so that the next daemon goes on in the same phase with the same decision. */
export class Updates {
  private readonly rows = new Map<string, { readonly row: UpdateRow; readonly startedMs: number }>();
  private closed = false;

  constructor(private readonly options: UpdatesOptions) {
    const { store, stack, clock } = options;
    for (const { service, row } of store.updates(stack))
      this.rows.set(service, { row, startedMs: clock.monotonic() - Math.max(0, clock.now() - row.since) });
  }

  get(service: string): UpdateRow | undefined {
    return this.rows.get(service)?.row;
  }

  /** The service whose canary waits for a person, and the run that does so. */
  undecided(): { readonly service: string; readonly run: string } | undefined {
    for (const [service, { row }] of this.rows) if (row.phase === "canary" && row.decision === undefined) return { service, run: row.run };
    return undefined;
  }

  require(service: string): UpdateRow {
    const row = this.get(service);
    if (!row) throw new Error(`no update of ${service} is on record`);
    return row;
  }

  /** Since its phase began; a wall clock that is set does not matter while this daemon lives. */
  phaseForMs(service: string): number {
    const known = this.rows.get(service);
    return known ? this.options.clock.monotonic() - known.startedMs : 0;
  }

  /** Begins it, or goes on where a former daemon was. */
  async begin(service: string, first: Omit<UpdateRow, "since" | "decision">): Promise<void> {
    const known = this.get(service);
    const same = known?.run === first.run && known.config === first.config;
    if (same && (known.phase === "rolling back") === (first.phase === "rolling back")) return;
    // A daemon that died on its way back decides once more, with what it was told.
    const decision = same && known.decision;
    await this.save(service, { ...first, since: this.options.clock.now(), ...(decision && { decision }) });
  }

  async enter(service: string, phase: UpdatePhase): Promise<void> {
    const row = this.get(service);
    if (row && row.phase !== phase) await this.save(service, { ...row, phase, since: this.options.clock.now() });
  }

  async decide(service: string, decision: "promote" | "abort"): Promise<void> {
    const known = this.rows.get(service);
    if (!known || known.row.decision === decision) return;
    const row = { ...known.row, decision };
    await this.options.store.saveUpdate(this.options.stack, service, row);
    this.rows.set(service, { ...known, row });
    this.options.onChange();
  }

  /** It is over, or its run has been cancelled; not when the daemon leaves. */
  async end(service: string): Promise<void> {
    if (this.closed || !this.rows.delete(service)) return;
    this.options.onChange();
    // What stays on disk now is written over by the next update.
    await this.options.store.removeUpdate(this.options.stack, service).catch(() => undefined);
  }

  /** The daemon leaves: updates under way are the next one's to go on with. */
  close(): void {
    this.closed = true;
  }

  private async save(service: string, row: UpdateRow): Promise<void> {
    const startedMs = this.options.clock.monotonic();
    await this.options.store.saveUpdate(this.options.stack, service, row);
    this.rows.set(service, { row, startedMs });
    this.options.onChange();
  }
}
