import { openC } from "../kernel/libc.ts";

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Of struct termios with any C library. */
const TERMIOS_BYTES = 128;
/** When everything written has left. */
const TCSADRAIN = 1;

/** Every key goes to the command, Ctrl-C too, and what it writes comes as it is, until `restore`: idempotent, and done at the latest when the process ends. */
export function rawTerminal(onResize: (size: Size) => void): { restore(): void } {
  const resized = (): void => onResize(terminalSize());
  let undo: (() => void) | undefined = makeRaw();
  const restore = (): void => {
    process.off("exit", restore);
    process.off("SIGWINCH", resized);
    undo?.();
    undo = undefined;
  };
  process.on("exit", restore);
  process.on("SIGWINCH", resized);
  return { restore };
}

export function terminalSize(): Size {
  const [columns, rows] = process.stdout.getWindowSize();
  return { columns: columns || 80, rows: rows || 24 };
}

/** The raw mode of Bun, as that of Node, still makes two characters of a line break; it has to do where the C library is not at hand. */
function makeRaw(): () => void {
  const libc = openC({
    tcgetattr: { args: ["i32", "buffer"], returns: "i32" },
    tcsetattr: { args: ["i32", "i32", "buffer"], returns: "i32" },
    cfmakeraw: { args: ["buffer"], returns: "void" },
  })?.symbols;
  const before = new Uint8Array(TERMIOS_BYTES);
  if (!libc || libc.tcgetattr(0, before) !== 0) {
    setRaw(true);
    return () => setRaw(false);
  }
  const raw = before.slice();
  libc.cfmakeraw(raw);
  libc.tcsetattr(0, TCSADRAIN, raw);
  return () => void libc.tcsetattr(0, TCSADRAIN, before);
}

function setRaw(raw: boolean): void {
  try {
    process.stdin.setRawMode(raw);
  } catch {
    return; // The terminal is gone, and its mode with it.
  }
}
