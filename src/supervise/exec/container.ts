import type { Engine } from "../docker/engine.ts";
import { mayBeRefusal, neverRan } from "../docker/exec-refusal.ts";
import { type ExecSession, openExec } from "../docker/exec-session.ts";
import type { Exec, ExecPiece, ExecRun, TerminalSize } from "../runtime.ts";
import { Outlet } from "./outlet.ts";

/** No more of the output than this is looked at for the reason why there is no command. */
const MAX_REFUSAL_BYTES = 4096;

/** Runs a command in a container that runs. Rejects with `conflict` when it does not, or as `Engine` does. */
export async function execInside(engine: Engine, container: string, run: ExecRun): Promise<Exec> {
  const { tty, ...spec } = run;
  const session = await openExec(engine, container, { ...spec, tty: tty !== undefined });
  const exec = new ContainerExec(session, run);
  // Docker takes it only once the command is there; it is there when it writes or asks.
  if (tty) exec.resize(tty);
  return exec;
}

class ContainerExec implements Exec {
  readonly exited: Exec["exited"];
  private readonly outlet = new Outlet();
  private refusal: ExecPiece[] | undefined = [];
  private over = false;

  constructor(
    private readonly session: ExecSession,
    private readonly run: ExecRun,
  ) {
    this.exited = this.carryOut();
    this.exited.catch(() => undefined);
  }

  read(): Promise<ExecPiece | undefined> {
    return this.outlet.read();
  }

  async write(data: Uint8Array): Promise<boolean> {
    if (this.over) return false;
    return this.session.write(data).then(
      () => !this.over,
      () => false,
    );
  }

  end(): void {
    if (!this.run.tty) this.session.end();
  }

  resize({ columns, rows }: TerminalSize): void {
    // One that ends just now has no use for it.
    if (!this.over) void this.session.resize(columns, rows).catch(() => undefined);
  }

  kill(): void {
    this.outlet.discard();
    if (!this.over) void this.session.kill().catch(() => undefined);
  }

  private async carryOut(): Promise<{ code: number }> {
    try {
      await this.pump();
      const code = await this.session.exited;
      if (!(await this.session.ran))
        throw neverRan(
          { argv: this.run.argv, ...(this.run.cwd !== undefined && { cwd: this.run.cwd }) },
          this.heldBytes().toString("utf8"),
        );
      return { code };
    } finally {
      this.over = true;
      // What it has started goes with it. Docker may be away, and then it has gone already.
      await this.session.kill().catch(() => undefined);
      this.outlet.end();
    }
  }

  private async pump(): Promise<void> {
    for await (const piece of this.session.output) {
      // Frames point into a buffer that is used again.
      const own = { stream: piece.stream, data: Uint8Array.from(piece.data) };
      if (this.heldBack(own)) continue;
      this.outlet.give(own);
      await this.outlet.room();
    }
    if (this.refusal?.length && (await this.session.ran)) this.giveHeld();
  }

  /** Until it is known what it is: that of a command that never ran is no output. */
  private heldBack(piece: ExecPiece): boolean {
    if (!this.refusal) return false;
    this.refusal.push(piece);
    const held = this.heldBytes();
    if (held.length > MAX_REFUSAL_BYTES || !mayBeRefusal(held)) this.giveHeld();
    return true;
  }

  private giveHeld(): void {
    for (const piece of this.refusal ?? []) this.outlet.give(piece);
    this.refusal = undefined;
  }

  private heldBytes(): Buffer {
    return Buffer.concat((this.refusal ?? []).map(({ data }) => data));
  }
}
