import { closeSync, constants, openSync, readlinkSync } from "node:fs";
import { openC } from "../../kernel/libc.ts";
import type { TerminalSize } from "../runtime.ts";
import type { Ends, Spawn } from "./ends.ts";
import type { Outlet } from "./outlet.ts";

/** Of tcflow(3). */
const TCOOFF = 0;
const TCOON = 1;

/** A command on a terminal of its own, which is its controlling one. */
export function spawnOnTerminal({ argv, cwd, env }: Spawn, size: TerminalSize, outlet: Outlet): Ends {
  const over = Promise.withResolvers<void>();
  let drained = Promise.withResolvers<void>();
  // Made by the spawn itself: a terminal that is there before does not become the controlling one (Bun 1.4.5).
  const child = Bun.spawn([...argv], {
    cwd,
    env: { ...env },
    terminal: {
      cols: size.columns,
      rows: size.rows,
      data(_terminal, data) {
        outlet.give({ stream: "stdout", data: data.slice() });
        if (outlet.isFull) brake.pull();
      },
      drain: () => drained.resolve(),
      exit: () => over.resolve(),
    },
  });
  const terminal = child.terminal as Bun.Terminal;
  // Before the event loop turns, and the first piece can come.
  const brake = new Brake(child.pid, outlet);
  return {
    child,
    done: over.promise,
    async write(data) {
      drained = Promise.withResolvers();
      terminal.write(data);
      await drained.promise;
    },
    end: () => undefined,
    resize: ({ columns, rows }) => void (terminal.closed || terminal.resize(columns, rows)),
    close() {
      if (!terminal.closed) terminal.close();
      over.resolve();
    },
  };
}

/** Bun takes whatever a terminal gives; so the terminal is told to give nothing while the outlet is full. */
class Brake {
  private readonly path: string | undefined;
  private readonly libc = openC({ tcflow: { args: ["i32", "i32"], returns: "i32" } })?.symbols;
  private pulled = false;

  constructor(
    pid: number,
    private readonly outlet: Outlet,
  ) {
    this.path = terminalOf(pid);
  }

  pull(): void {
    // Again at every piece: whoever is on the terminal may have let it go on.
    this.flow(TCOOFF);
    if (this.pulled) return;
    this.pulled = true;
    void this.outlet.room().then(() => {
      this.pulled = false;
      this.flow(TCOON);
    });
  }

  private flow(action: number): void {
    if (this.path === undefined || !this.libc) return;
    try {
      const fd = openSync(this.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
      this.libc.tcflow(fd, action);
      closeSync(fd);
    } catch {
      // The terminal is gone, and with it all that it could give.
    }
  }
}

/** A child that was just started has its terminal as standard input. */
function terminalOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return undefined;
  }
}
