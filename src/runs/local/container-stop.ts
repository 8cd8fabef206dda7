import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { killContainer } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";

const CALL_TIMEOUT_MS = 10_000;
/** Between tries while docker is away; they end with the container. */
const RETRY_MS = 1000;

/** How one container is brought to its end: SIGTERM, and SIGKILL when its grace is over. */
export class ContainerStop {
  /** Who asked first. */
  why: "cancel" | "timeout" | undefined;
  /** What it was granted last. */
  graceMs = 0;
  private readonly asked = new AbortController();
  private readonly over = new AbortController();
  private id: string | undefined;
  /** Monotonic ms. */
  private killAt = Infinity;
  private cancelKill: CancelTimer | undefined;

  constructor(private readonly ports: { readonly engine: Engine; readonly clock: Clock }) {}

  /** Aborts when it is asked to end: what is only being prepared need not begin. */
  get signal(): AbortSignal {
    return this.asked.signal;
  }

  /** The first call asks and kills after its grace; a later one can only bring the kill nearer. */
  begin(graceMs: number): void {
    const killAt = this.ports.clock.monotonic() + graceMs;
    if (this.over.signal.aborted || killAt >= this.killAt) return;
    const isFirst = this.killAt === Infinity;
    this.killAt = killAt;
    this.graceMs = graceMs;
    this.asked.abort(new OrcoError("cancelled", "the step was stopped"));
    if (this.id !== undefined) this.act(isFirst);
  }

  started(id: string): void {
    this.id = id;
    if (this.killAt < Infinity) this.act(true);
  }

  ended(): void {
    this.cancelKill?.();
    this.over.abort(new OrcoError("cancelled", "the container has ended"));
  }

  private act(isFirst: boolean): void {
    if (isFirst) void this.send("SIGTERM");
    this.cancelKill?.();
    this.cancelKill = this.ports.clock.after(this.killAt - this.ports.clock.monotonic(), () => void this.send("SIGKILL"));
  }

  /** Never rejects. Docker refuses only what makes it needless: the container has ended, or is gone. */
  private async send(sig: string): Promise<void> {
    const { engine, clock } = this.ports;
    const { signal } = this.over;
    while (!signal.aborted) {
      const error = await killContainer(engine, this.id ?? "", { sig, signal, timeoutMs: CALL_TIMEOUT_MS }).catch(
        (thrown: unknown) => thrown,
      );
      if (!(error instanceof OrcoError) || error.code === "conflict" || error.code === "not_found") return;
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}
