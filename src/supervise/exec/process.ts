import { constants } from "node:os";
import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { uuidv7 } from "../../kernel/id.ts";
import { CommandGroup, dyingWithUs } from "../command.ts";
import { findExecutable } from "../executable.ts";
import type { Exec, ExecPiece, ExecRun, LaunchSpec, TerminalSize } from "../runtime.ts";
import { runAs } from "../user.ts";
import type { Ends } from "./ends.ts";
import { killMarked, MARK } from "./marked.ts";
import { Outlet } from "./outlet.ts";
import { spawnPiped } from "./pipes.ts";
import { spawnOnTerminal } from "./terminal.ts";

/** What cannot even be killed may hold the output open: after so long without a byte nobody waits for more. */
const QUIET_MS = 50;

/** Runs a command beside an instance that is a process, with its environment and in a tree of its own. Throws `executable_not_found` or `start_failed`. */
export function execProcess(spec: LaunchSpec, run: ExecRun, clock: Clock): Exec {
  const mark = uuidv7(clock);
  const outlet = new Outlet();
  const group = start(spec, run, { mark, outlet });
  return new ProcessExec({ ...group, mark, outlet, clock });
}

function start(spec: LaunchSpec, run: ExecRun, { mark, outlet }: { mark: string; outlet: Outlet }): { ends: Ends; group: CommandGroup } {
  const { argv, tty, user = spec.user, cwd = spec.cwd } = run;
  const [name = "", ...rest] = argv;
  const env = { ...spec.env, ...run.env, [MARK]: mark };
  const file = findExecutable(name, { cwd, env });
  const before = user === undefined ? [] : runAs(user).argv;
  const command = { argv: [...before, ...dyingWithUs(), file, ...rest], cwd, env };
  try {
    const ends = tty ? spawnOnTerminal(command, tty, outlet) : spawnPiped(command, outlet);
    return { ends, group: new CommandGroup(ends.child.pid) };
  } catch (error) {
    throw new OrcoError("start_failed", `${name}: ${messageOf(error)}`, { command: name, path: file }, { cause: error });
  }
}

interface Parts {
  readonly ends: Ends;
  readonly group: CommandGroup;
  readonly mark: string;
  readonly outlet: Outlet;
  readonly clock: Clock;
}

class ProcessExec implements Exec {
  readonly exited: Exec["exited"];
  private over = false;
  private writing = Promise.withResolvers<boolean>();

  constructor(private readonly parts: Parts) {
    this.exited = this.untilGone();
    void this.exited.then(() => this.readOut());
  }

  read(): Promise<ExecPiece | undefined> {
    return this.parts.outlet.read();
  }

  async write(data: Uint8Array): Promise<boolean> {
    if (this.over) return false;
    const writing = (this.writing = Promise.withResolvers());
    this.parts.ends.write(data).then(
      () => writing.resolve(true),
      () => writing.resolve(false),
    );
    return writing.promise;
  }

  end(): void {
    if (!this.over) this.parts.ends.end();
  }

  resize(size: TerminalSize): void {
    if (!this.over) this.parts.ends.resize(size);
  }

  kill(): void {
    this.parts.outlet.discard();
    if (!this.over) this.parts.group.kill();
  }

  private async untilGone(): Promise<{ code?: number; signal?: string }> {
    const { ends, group, mark, clock } = this.parts;
    await ends.child.exited;
    this.over = true;
    this.writing.resolve(false);
    group.kill();
    group.release();
    await killMarked(mark, clock);
    const { exitCode, signalCode } = ends.child;
    return signalCode === null ? { code: exitCode ?? 0 } : { code: 128 + numberOf(signalCode), signal: String(signalCode) };
  }

  /** The rest of what it wrote, however slowly it is taken. */
  private async readOut(): Promise<void> {
    const { ends, outlet, clock } = this.parts;
    const reading = { done: false };
    const done = ends.done.then(() => (reading.done = true));
    for (let seen = -1; !reading.done && (outlet.bytes > 0 || outlet.total !== seen);) {
      seen = outlet.total;
      await Promise.race([done, outlet.bytes > 0 ? outlet.change : clock.sleep(QUIET_MS)]);
    }
    outlet.end();
    ends.close();
  }
}

function numberOf(signal: NodeJS.Signals | number): number {
  return typeof signal === "number" ? signal : constants.signals[signal];
}
