import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import { OrcoError } from "../../../kernel/errors.ts";
import { type Engine, isAway } from "../../docker/engine.ts";
import { readLog } from "../../docker/log-stream.ts";
import type { Spools } from "../../runtime.ts";
import { LogSpools } from "./log-spools.ts";
import type { Presence } from "./presence.ts";

export interface LogPumpOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly presence: Presence;
  /** Id of the container. */
  readonly id: string;
  readonly spools: Spools;
  /** Docker closed the log: the container has ended, or docker is going. */
  readonly onClosed: () => void;
  readonly onError: (error: unknown) => void;
  /** The daemon leaves. */
  readonly closing: AbortSignal;
}

/** Lines that come within it are written together. */
const FLUSH_MS = 4;
const RETRY_MS = 250;
/** After an error of this machine's own: its disk is full. */
const FAILED_MS = 1000;

/** Copies docker's log of one container into its spools, for as long as it runs and then to the end. */
export class LogPump {
  private readonly ending = new AbortController();
  private following: Promise<void> | undefined;
  private troubled = false;

  constructor(private readonly options: LogPumpOptions) {}

  start(): void {
    this.following ??= this.follow(AbortSignal.any([this.ending.signal, this.options.closing]));
  }

  /** The container has ended: resolves when the spools have its log to the last byte, or it is gone. Never resolves once the daemon leaves. */
  async finish(): Promise<void> {
    this.ending.abort(new OrcoError("cancelled", "the container has ended"));
    await this.following;
    const { closing } = this.options;
    // Docker may close a followed log before its last lines were sent (20.10).
    while (!(await this.attempt({ follow: false, signal: closing }))) {
      if (closing.aborted) return new Promise(() => undefined);
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const read = await this.attempt({ follow: true, signal });
      if (signal.aborted) return;
      if (read) this.options.onClosed();
      await this.rest(RETRY_MS, signal);
    }
  }

  /** False when it must be tried again. */
  private async attempt(how: { readonly follow: boolean; readonly signal: AbortSignal }): Promise<boolean> {
    const { presence, onError } = this.options;
    try {
      await presence.present(how.signal);
      await this.copy(how);
      this.troubled = false;
      return true;
    } catch (error) {
      if (how.signal.aborted) return false;
      if (error instanceof OrcoError && error.code === "not_found") return true;
      if (isAway(error)) presence.missed(error);
      else if (!presence.isAway) {
        if (!this.troubled) onError(error);
        this.troubled = true;
        await this.rest(FAILED_MS, how.signal);
      }
      return false;
    }
  }

  private async copy({ follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal }): Promise<void> {
    const { engine, id, presence } = this.options;
    const spools = new LogSpools(this.options.spools);
    const failing = new AbortController();
    let cancel: CancelTimer | undefined;
    const flush = (): void => {
      cancel = undefined;
      try {
        spools.flush();
      } catch (error) {
        failing.abort(error);
      }
    };
    const onBytes = (bytes: Buffer): void => {
      spools.take(bytes);
      if (!spools.isEmpty) cancel ??= this.options.clock.after(FLUSH_MS, flush);
    };
    try {
      const until = AbortSignal.any([signal, presence.whilePresent, failing.signal]);
      const since = spools.sinceMs === undefined ? {} : { sinceMs: spools.sinceMs };
      await readLog({ engine, id, follow, ...since, signal: until, onBytes });
    } finally {
      cancel?.();
      try {
        spools.flush();
      } finally {
        spools.close();
      }
    }
  }

  private async rest(ms: number, signal: AbortSignal): Promise<void> {
    await this.options.clock.sleep(ms, signal).catch(() => undefined);
  }
}
